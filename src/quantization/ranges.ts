// ranges.ts: which numbers of a tensor get bytes of their own, and which are clipped to the ends. Three known ways, as pure functions.

import type { Range } from './affine.ts';
import { BINS, type Histogram } from './histogram.ts';

/** Ways to choose the range of a tensor from its histogram. */
export const METHODS = { 'min-max': minMax, percentile, entropy } as const satisfies Readonly<
  Record<string, (histogram: Histogram) => Range>
>;

export type Method = keyof typeof METHODS;

/** All numbers. */
function minMax({ low, high }: Histogram): Range {
  return { low, high };
}

/** Share of the magnitudes that are not clipped. */
const KEPT = 0.9999;

function percentile(histogram: Histogram): Range {
  const total = histogram.counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  let end = 0;
  while (end < BINS && below < KEPT * total) below += histogram.counts[end++]!;
  return within(histogram, end);
}

/** Levels for magnitudes: those of a byte where no number is negative, half of them otherwise. */
const LEVELS = { positive: 256, signed: 128 } as const;
/** Stands for a share of nothing, whose logarithm is not there. */
const LEAST_SHARE = 1e-9;
/** Between two ends that are tried. */
const STRIDE = 16;

/**
 * The end at which clipped and rounded magnitudes are distributed most like the numbers themselves, by the divergence of Kullback and
 * Leibler. Source: Migacz, 8-bit Inference with TensorRT, GTC 2017.
 */
function entropy(histogram: Histogram): Range {
  const levels = histogram.low < 0 ? LEVELS.signed : LEVELS.positive;
  const counts = Float64Array.from(histogram.counts);
  // Zeros, of which a relu makes half of all numbers, are exact at every end.
  counts[0] = counts[1]!;
  let best = { end: BINS, divergence: Infinity };
  for (let end = levels; end <= BINS; end += STRIDE) {
    const divergence = divergenceAt(counts, end, levels);
    if (divergence < best.divergence) best = { end, divergence };
  }
  return within(histogram, best.end);
}

/** Of the first `end` bins, what is behind them counted to the last, from the same on `levels` levels. */
function divergenceAt(counts: Float64Array, end: number, levels: number): number {
  const sumOf = (part: Float64Array) => part.reduce((sum, count) => sum + count, 0);
  const kept = sumOf(counts.subarray(0, end));
  const clipped = sumOf(counts.subarray(end));
  let divergence = 0;
  for (let level = 0; level < levels; level++) {
    const [first, last] = [Math.floor((level * end) / levels), Math.floor(((level + 1) * end) / levels)];
    const own = counts.subarray(first, last);
    const filled = own.reduce((bins, count) => bins + (count > 0 ? 1 : 0), 0);
    const q = filled > 0 ? sumOf(own) / filled / kept : 0;
    for (let i = first; i < last; i++) {
      const p = (counts[i]! + (i === end - 1 ? clipped : 0)) / (kept + clipped);
      // Where a level has nothing of its own, what was clipped to it is as wrong as can be.
      if (p > 0) divergence += p * Math.log(p / Math.max(q, LEAST_SHARE));
    }
  }
  return divergence;
}

/** The histogram's own range, cut to its first `end` bins. */
function within({ low, high, limit }: Histogram, end: number): Range {
  const most = (limit * end) / BINS;
  return { low: Math.max(low, -most), high: Math.min(high, most) };
}
