// arrangement.ts: where the numbers of a foreign tensor lie in a layer of finch's. ONNX keeps pictures channel-first and moves axes
// with nodes; here a transpose or a reshape moves no numbers: it only changes which axes of the layer each dimension is made of.

import { elementCount, type Shape } from '../../../util/shape.ts';

export interface Arrangement {
  /** The sizes of the layer's axes in the order in which its numbers lie, without axes of size 1. A reshape may have split an axis into several. */
  readonly sizes: Shape;
  /** The axes that each dimension of the foreign tensor is made of, the slowest first; the batch is left out. Without axes its size is 1. */
  readonly dims: readonly (readonly number[])[];
}

/** A tensor with the dimensions of the layer itself. */
export function plain(shape: Shape): Arrangement {
  const sizes = shape.filter((size) => size !== 1);
  let axis = 0;
  return { sizes, dims: shape.map((size) => (size === 1 ? [] : [axis++])) };
}

/** The foreign tensor's shape, without the batch. */
export const foreignShape = ({ sizes, dims }: Arrangement): Shape =>
  dims.map((axes) => elementCount(axes.map((axis) => sizes[axis]!)));

/** Dimension i of the result is dimension `order[i]`. */
export const reordered = ({ sizes, dims }: Arrangement, order: readonly number[]): Arrangement => ({
  sizes,
  dims: order.map((dim) => dims[dim]!),
});

/** A reshape: the same numbers in the same order. Undefined where an axis cannot be split into the sizes that the shape needs. */
export function regrouped({ sizes, dims }: Arrangement, shape: Shape): Arrangement | undefined {
  const queue = dims.flat();
  /** What each axis is cut into, the slowest first. */
  const parts: readonly number[][] = sizes.map(() => []);
  const groups: (readonly [axis: number, part: number])[][] = [];
  let rest = 1;
  let axis: number | undefined;
  for (const size of shape) {
    const group: (readonly [number, number])[] = [];
    for (let missing = size; missing > 1;) {
      if (rest === 1) {
        axis = queue.shift();
        if (axis === undefined) return undefined;
        rest = sizes[axis]!;
      }
      const taken = Math.min(rest, missing);
      if (rest % taken !== 0 || missing % taken !== 0) return undefined;
      group.push([axis!, parts[axis!]!.length]);
      parts[axis!]!.push(taken);
      rest /= taken;
      missing /= taken;
    }
    groups.push(group);
  }
  if (rest > 1 || queue.length > 0) return undefined;
  const first = parts.map((_, before) => parts.slice(0, before).flat().length);
  return {
    sizes: parts.flat(),
    dims: groups.map((group) => group.map(([axis, part]) => first[axis]! + part)),
  };
}

/** The same with another size of one dimension, which is the layer's last axis. */
export function withLast({ sizes, dims }: Arrangement, dim: number, size: number): Arrangement {
  const before = dims[dim]!.length === 0 ? sizes : sizes.slice(0, -1);
  const after = size === 1 ? before : [...before, size];
  return {
    sizes: after,
    dims: dims.map((axes, i) => (i !== dim ? axes : size === 1 ? [] : [before.length])),
  };
}
