// finite.ts: weights must be numbers, and a variance is not negative.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** The variances of batch norm, by torch's name and by ours. */
const VARIANCE = /(^|[./])(running_var|moving_variance)$/;
/** What batch norm adds at least to a variance, so that rounding below 0 does no harm. */
const LEAST_EPSILON = 1e-5;

/**
 * A training that diverged leaves NaN; a network with one in it, or with the root of a negative variance, answers NaN to every picture.
 * @param source the file, for the message. @throws AppError MODEL_MISMATCH
 */
export function refuseInfinite(values: Float32Array, key: string, source: string): void {
  const isVariance = VARIANCE.test(key);
  let odd = 0;
  let negative = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) odd++;
    else if (isVariance && value < -LEAST_EPSILON) negative++;
  }
  if (odd > 0) {
    const word = values.some(Number.isNaN) ? 'NaN' : 'infinite';
    throw new AppError(
      'MODEL_MISMATCH',
      `${source}: '${quoted(key)}' holds ${odd} of ${values.length} numbers that are ${word}: the training diverged; take an earlier checkpoint`,
    );
  }
  if (negative > 0) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${source}: '${quoted(key)}' holds ${negative} of ${values.length} variances below 0, of which there is no root: the file is damaged, or its names are mixed up`,
    );
  }
}
