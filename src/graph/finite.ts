// finite.ts: weights must be numbers.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/**
 * A training that diverged leaves NaN; a network with one in it answers NaN to every picture.
 * @param source the file, for the message. @throws AppError MODEL_MISMATCH
 */
export function refuseInfinite(values: Float32Array, key: string, source: string): void {
  let odd = 0;
  for (const value of values) if (!Number.isFinite(value)) odd++;
  if (odd === 0) return;
  const word = values.some(Number.isNaN) ? 'NaN' : 'infinite';
  throw new AppError(
    'MODEL_MISMATCH',
    `${source}: '${quoted(key)}' holds ${odd} of ${values.length} numbers that are ${word}: the training diverged; take an earlier checkpoint`,
  );
}
