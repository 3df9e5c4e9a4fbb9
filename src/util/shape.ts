// shape.ts: sizes of arrays. A shape never includes the batch unless its name says so.

export type Shape = readonly number[];

/** How many elements an array of this shape has; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `[3,3,64,128]`, as messages print a shape. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}
