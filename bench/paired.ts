// paired.ts: whether one way of answering is better than another on the same pictures, or luck. Pure functions.

import type { Rng } from '../src/util/rng.ts';

export interface Difference {
  /** Of the means. */
  readonly mean: number;
  /** The middle 95 % of what other draws of as many pictures would give. */
  readonly low: number;
  readonly high: number;
}

/**
 * The paired bootstrap: pictures are drawn with replacement, and each brings both its answers.
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 * @param one, other a share of right answers for each picture
 */
export function pairedDifference(
  one: ArrayLike<number>,
  other: ArrayLike<number>,
  rng: Rng,
  draws = 2000,
): Difference {
  const count = one.length;
  const differences = Array.from({ length: count }, (_, i) => one[i]! - other[i]!);
  const means = Float64Array.from({ length: draws }, () => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += differences[rng.integer(count)]!;
    return sum / count;
  }).toSorted();
  const at = (share: number) => means[Math.min(draws - 1, Math.floor(share * draws))]!;
  return { mean: differences.reduce((a, b) => a + b, 0) / count, low: at(0.025), high: at(0.975) };
}
