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

/**
 * Reorders axes, of any number: axis i of the result is axis `axes[i]` of `values`.
 * @param shape of `values`
 */
export function transpose(values: Float32Array, shape: Shape, axes: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const result = new Float32Array(values.length);
  const [inner, step] = [sizes.at(-1) ?? 1, steps.at(-1) ?? 1];
  const index = sizes.map(() => 0);
  let from = 0;
  for (let at = 0; at < result.length;) {
    for (const end = at + inner; at < end; at++, from += step) result[at] = values[from]!;
    from -= inner * step;
    // The next row: the last axis but one counts up and carries.
    for (let axis = sizes.length - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
