// batch-normalization-statistics.ts: statistics in both lowerings of batch norm: the factor computed from them, where they are
// stored, and how a step updates them.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Step } from '../step.ts';

export interface Statistics {
  readonly mean: string;
  /** The biased variance: the sum of squares divided by the count. */
  readonly variance: string;
}

/** Whether a step normalises by the statistics of its batch, and moves the running ones. */
export function usesBatch({ isFixed }: LayerOf<'batchNormalization'>, { batchNorm }: Step): boolean {
  return batchNorm === 'train' && !isFixed;
}

/** 1 / sqrt(variance + eps), and that times gamma. */
export function factorOf(layer: LayerOf<'batchNormalization'>, variance: string, step: Step) {
  const e = step.emitter;
  const inverse = e.emit('Reciprocal', [e.emit('Sqrt', [e.add(variance, e.scalar(layer.epsilon))])]);
  return { inverse, factor: layer.scale ? e.mul(step.weight(layer, 'gamma'), inverse) : inverse };
}

export function runningStatistics(layer: LayerOf<'batchNormalization'>, step: Step): Statistics {
  return { mean: step.weight(layer, 'moving_mean'), variance: step.weight(layer, 'moving_variance') };
}

/** new = momentum old + (1 - momentum) batch. As in PyTorch, the running variance is the unbiased one: divided by count - 1. */
export function moveRunningStatistics(
  layer: LayerOf<'batchNormalization'>,
  { mean, variance }: Statistics,
  count: number,
  step: Step,
): void {
  const e = step.emitter;
  const share = 1 - layer.momentum;
  const unbiased = count > 1 ? count / (count - 1) : 1;
  const moved = (role: 'moving_mean' | 'moving_variance', batch: string, factor: number) =>
    e.add(e.scale(step.weight(layer, role), layer.momentum), e.scale(batch, factor));
  step.setStatistic(layer, 'moving_mean', moved('moving_mean', mean, share));
  step.setStatistic(layer, 'moving_variance', moved('moving_variance', variance, share * unbiased));
}
