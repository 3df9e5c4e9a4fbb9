// batch-normalization.ts: y = gamma (x - mean) / sqrt(variance + eps) + beta, with the batch's statistics or the running ones.
// Source: Ioffe and Szegedy, Batch Normalization, 2015, and its gradients there.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule, Step, Value } from '../step.ts';
import { blockedBatchNormalization } from './batch-normalization-blocked.ts';

export const batchNormalization: Rule<LayerOf<'batchNormalization'>> = (layer, [x], step) => {
  if (step.block > 0 && x.blocked) return blockedBatchNormalization(layer, step.settled(x), step);
  const e = step.emitter;
  const trains = step.batchNorm === 'train';
  const { mean, variance } = trains ? batchStatistics(x, step) : runningStatistics(layer, step);
  if (trains) moveRunningStatistics(layer, { mean, variance }, step.countPerChannel(x), step);

  const { factor, inverse } = affine(layer, variance, step);
  const shift = e.mul(mean, factor);
  const term = layer.center ? e.sub(step.weight(layer, 'beta'), shift) : e.emit('Neg', [shift]);
  const output = { ...x, tensor: scaleAndShift(x, factor, term, step) };

  return {
    output,
    backward: (gradient, [wanted]) => {
      const dy = step.plain(gradient).tensor;
      const axes = step.otherAxes(x);
      const sum = e.reduceSum(dy, axes);
      // Σ dy (x - mean): the products centred, not the sums, so that no digits cancel
      const centred = e.sub(x.tensor, step.perChannel(mean, x));
      const product = e.reduceSum(e.mul(dy, centred), axes);
      if (layer.center) step.setGradient(layer, 'beta', sum);
      if (layer.scale) step.setGradient(layer, 'gamma', e.mul(product, inverse));
      if (!wanted) return [undefined];
      const direct = e.mul(dy, step.perChannel(factor, x));
      if (!trains) return [{ ...x, tensor: direct }];
      // dx = factor (dy - Σ dy / M - (x - mean) inverse² Σ dy (x - mean) / M)
      const perSample = e.scale(factor, -1 / step.countPerChannel(x));
      const slope = e.mul(perSample, e.mul(product, e.mul(inverse, inverse)));
      const through = e.add(
        e.mul(centred, step.perChannel(slope, x)),
        step.perChannel(e.mul(perSample, sum), x),
      );
      return [{ ...x, tensor: e.add(direct, through) }];
    },
  };
};

/** 1 / sqrt(variance + eps), and that times gamma. */
export function affine(layer: LayerOf<'batchNormalization'>, variance: string, step: Step) {
  const e = step.emitter;
  const inverse = e.emit('Reciprocal', [e.emit('Sqrt', [e.add(variance, e.scalar(layer.epsilon))])]);
  return { inverse, factor: layer.scale ? e.mul(step.weight(layer, 'gamma'), inverse) : inverse };
}

interface Statistics {
  readonly mean: string;
  /** Biased: the sum of squares over the count. */
  readonly variance: string;
}

function batchStatistics(x: Value, step: Step): Statistics {
  const e = step.emitter;
  const axes = step.otherAxes(x);
  const mean = e.emit('ReduceMean', [x.tensor], { axes, keepdims: 0 });
  const centred = e.sub(x.tensor, step.perChannel(mean, x));
  const variance = e.emit('ReduceMean', [e.mul(centred, centred)], { axes, keepdims: 0 });
  return { mean, variance };
}

export function runningStatistics(layer: LayerOf<'batchNormalization'>, step: Step): Statistics {
  return { mean: step.weight(layer, 'moving_mean'), variance: step.weight(layer, 'moving_variance') };
}

/** new = momentum old + (1 - momentum) batch. As in PyTorch, the running variance is the unbiased one: over count - 1. */
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

function scaleAndShift(x: Value, factor: string, term: string, step: Step): string {
  const e = step.emitter;
  return e.add(e.mul(x.tensor, step.perChannel(factor, x)), step.perChannel(term, x));
}
