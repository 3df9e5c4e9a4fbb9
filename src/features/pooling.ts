// pooling.ts: what a layer puts out for one picture -> the row that is kept. Plain arithmetic on numbers.

import { elementCount, type Shape } from '../util/shape.ts';

/** How a picture [H,W,C] becomes a vector [C]; `none` keeps it. Vectors stay as they are. */
export const POOLS = ['avg', 'max', 'none'] as const;
export type Pool = (typeof POOLS)[number];

/** Shape of a row made of a layer's `shape`. */
export function pooledShape(shape: Shape, pool: Pool): Shape {
  return pool === 'none' ? shape : shape.slice(-1);
}

/**
 * A row of its own, no view.
 * @param values of one picture, channel-last: `[H,W,C]` or `[C]`
 */
export function pooled(values: Float32Array, shape: Shape, pool: Pool): Float32Array {
  if (pool === 'none' || shape.length < 2) return values.slice();
  const channels = shape.at(-1)!;
  const places = elementCount(shape) / channels;
  const row = new Float32Array(channels);
  switch (pool) {
    case 'avg': {
      const sums = new Float64Array(channels);
      for (let i = 0; i < values.length; i += channels) {
        for (let c = 0; c < channels; c++) sums[c]! += values[i + c]!;
      }
      for (let c = 0; c < channels; c++) row[c] = sums[c]! / places;
      return row;
    }
    case 'max':
      row.fill(-Infinity);
      for (let i = 0; i < values.length; i += channels) {
        for (let c = 0; c < channels; c++) row[c] = Math.max(row[c]!, values[i + c]!);
      }
      return row;
    default:
      throw new Error(pool satisfies never);
  }
}
