// standardize.ts: features with mean 0 and standard deviation 1, and a head for them as a head for features as they are.

import type { HeadWeights } from '../graph/new-head.ts';

/** A feature that varies less than this counts as constant, and is left out of the median deviation. */
const MIN_DEVIATION = 1e-6;

/**
 * A feature is divided by its deviation, but by no less than this share of the median deviation of all features. A unit that
 * hardly moved on the training pictures can move as far as any other on a new picture, which would be thousands of its own
 * deviations. Of 0, 0.01, 0.03, 0.1 and 0.3, this value was never worse, with many pictures a class and with few
 * (docs/finetune.md).
 */
const SMALLEST_SHARE = 0.3;

export interface Standardized {
  /** `[N,D]` */
  readonly rows: Float32Array;
  /** `[D]` each. */
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Every feature with mean 0 and standard deviation 1 over the rows; less than 1 where it hardly moves. @param rows `[N,D]` */
export function standardize(rows: Float32Array, numbers: number): Standardized {
  const count = rows.length / numbers;
  const mean = new Float64Array(numbers);
  const deviation = new Float64Array(numbers);
  for (let at = 0; at < rows.length; at += numbers) {
    for (let d = 0; d < numbers; d++) mean[d]! += rows[at + d]! / count;
  }
  for (let at = 0; at < rows.length; at += numbers) {
    for (let d = 0; d < numbers; d++) deviation[d]! += (rows[at + d]! - mean[d]!) ** 2 / count;
  }
  deviation.set(divisorsOf(deviation));
  const standard = new Float32Array(rows.length);
  for (let at = 0; at < rows.length; at += numbers) {
    for (let d = 0; d < numbers; d++) standard[at + d] = (rows[at + d]! - mean[d]!) / deviation[d]!;
  }
  return { rows: standard, mean, deviation };
}

/** What features are divided by. @param variances `[D]` */
export function divisorsOf(variances: Float64Array): Float64Array {
  const scale = variances.map((variance) => Math.sqrt(variance));
  const floor = SMALLEST_SHARE * median(scale.filter((value) => value > MIN_DEVIATION));
  return scale.map((value) => Math.max(value, floor) || 1);
}

/**
 * The kernel and bias that give, on rows as they are, the logits that `point` gives on standardised rows.
 * @param point the kernel by class `[K,D]`, then the bias `[K]`
 */
export function unstandardized(
  point: Float64Array,
  { mean, deviation }: Pick<Standardized, 'mean' | 'deviation'>,
): HeadWeights {
  const numbers = mean.length;
  const classes = point.length / (numbers + 1);
  const kernel = new Float32Array(numbers * classes);
  const bias = point.slice(numbers * classes);
  for (let k = 0, at = 0; k < classes; k++) {
    for (let d = 0; d < numbers; d++, at++) {
      const own = point[at]! / deviation[d]!;
      kernel[d * classes + k] = own;
      bias[k]! -= mean[d]! * own;
    }
  }
  return { kernel, bias: Float32Array.from(bias) };
}

/** The middle value, or the upper of the two middle ones; 0 where there are no values. */
function median(values: Float64Array): number {
  return values.toSorted()[values.length >> 1] ?? 0;
}
