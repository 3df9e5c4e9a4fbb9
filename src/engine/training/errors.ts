// errors.ts: errors that every trainer reports with the same words.

import type { Weights } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';
import { formatShape, sameShape, type Shape } from '../../util/shape.ts';
import type { TrainSpec } from '../training.ts';

/** The error for a step whose loss is not finite. @param step the number of steps before it */
export function diverged(loss: number, step: number, rates: readonly number[]): AppError {
  return new AppError(
    'TRAINING_DIVERGED',
    `the loss became ${loss} in step ${step + 1} at learning rate ${Math.max(...rates)}; the weights are as they were before it. ` +
      'Try a rate ten times smaller, --warmup-epochs, or gradient clipping',
  );
}

/** @throws AppError USAGE unless there is one rate for each parameter group */
export function checkRates(rates: readonly number[], { groups = [] }: TrainSpec): void {
  if (rates.length === groups.length + 1) return;
  throw new AppError('USAGE', `${rates.length} learning rates for ${groups.length + 1} parameter groups`);
}

/** @throws AppError CHECKPOINT_INVALID where the tensors of a checkpoint are not those that training expects */
export function checkState(
  tensors: Weights,
  expected: Iterable<readonly [name: string, shape: Shape]>,
): void {
  for (const [name, shape] of expected) {
    const found = tensors.get(name);
    if (!found || !sameShape(found.shape, shape)) {
      throw new AppError(
        'CHECKPOINT_INVALID',
        `the checkpoint ${found ? `has '${name}' as ${formatShape(found.shape)}` : `lacks '${name}'`}, ` +
          `training expects ${formatShape(shape)}. Was it made with another model or optimizer?`,
      );
    }
  }
}
