// head-objective.ts: what a linear head minimises: the mean loss of its logits and an L2 penalty on its kernel.

import { AppError } from '../util/errors.ts';
import { lossInPlace, type HeadTargets } from './head-loss.ts';
import type { Objective } from './lbfgs.ts';
import type { RowProducts } from './row-products.ts';

export interface ObjectiveOptions {
  readonly c: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Mean loss + |kernel|² / (2 c M), and its gradient. M is the number of samples, with several labels that of samples and labels, so
 * that each label has scikit-learn's penalty. A point is the kernel by class `[K,D]`, then the bias `[K]`; the penalty does not
 * apply to the bias.
 */
export function objectiveOf(
  products: RowProducts,
  targets: HeadTargets,
  { c, signal }: ObjectiveOptions,
): Objective {
  const { present, count } = targets;
  const classes = present.length / count;
  const penalty = penaltyOf(targets, c);
  return async (point) => {
    if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the head was learning');
    const kernelSize = point.length - classes;
    const kernel = point.subarray(0, kernelSize);
    const logits = await logitsOf(products, point, classes);
    const gradient = new Float64Array(point.length);
    const loss = lossInPlace(logits, targets);
    logits.forEach((g, at) => (gradient[kernelSize + Math.floor(at / count)]! += g));
    const byKernel = await products.gradient(logits);
    let squares = 0;
    for (let i = 0; i < kernelSize; i++) {
      squares += kernel[i]! * kernel[i]!;
      gradient[i] = byKernel[i]! + penalty * kernel[i]!;
    }
    return { value: loss + (penalty / 2) * squares, gradient };
  };
}

/** What |kernel|² / 2 is multiplied by: see `objectiveOf`. */
export function penaltyOf({ present, absent, count, counted }: HeadTargets, c: number): number {
  return 1 / (c * counted * (absent ? present.length / count : 1));
}

/** `[K,N]` of all samples. @param point as `objectiveOf` takes it */
export async function logitsOf(
  products: RowProducts,
  point: Float64Array,
  classes: number,
): Promise<Float32Array> {
  const kernelSize = point.length - classes;
  const logits = await products.logits(Float32Array.from(point.subarray(0, kernelSize)));
  const count = logits.length / classes;
  logits.forEach((x, at) => (logits[at] = x + point[kernelSize + Math.floor(at / count)]!));
  return logits;
}
