// batch-normalization.ts: y = gamma (x - mean) / sqrt(variance + eps) + beta, with the batch's statistics or the running ones.
// Source, also of the gradients: Ioffe and Szegedy, Batch Normalization, 2015.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule, Step, Value } from '../step.ts';
import { blockedBatchNormalization } from './batch-normalization-blocked.ts';
import {
  factorOf,
  moveRunningStatistics,
  runningStatistics,
  usesBatch,
  type Statistics,
} from './batch-normalization-statistics.ts';

export const batchNormalization: Rule<LayerOf<'batchNormalization'>> = (layer, [x], step) => {
  if (step.block > 0 && x.blocked) return blockedBatchNormalization(layer, step.settled(x), step);
  const e = step.emitter;
  const trains = usesBatch(layer, step);
  const { mean, variance } = trains ? batchStatistics(x, step) : runningStatistics(layer, step);
  if (trains) moveRunningStatistics(layer, { mean, variance }, step.countPerChannel(x), step);

  const { factor, inverse } = factorOf(layer, variance, step);
  const shift = e.mul(mean, factor);
  const term = layer.center ? e.sub(step.weight(layer, 'beta'), shift) : e.emit('Neg', [shift]);
  const output = { ...x, tensor: perChannelAffine(x, factor, term, step) };

  return {
    output,
    backward: (gradient, [wanted]) => {
      const dy = step.plain(gradient).tensor;
      const axes = step.otherAxes(x);
      const sum = e.reduceSum(dy, axes);
      // Σ dy (x - mean): x is centred before it is multiplied and summed, so that no digits cancel
      const centred = e.sub(x.tensor, step.perChannel(mean, x));
      const product = e.reduceSum(e.mul(dy, centred), axes);
      if (layer.center && !layer.isFixed) step.setGradient(layer, 'beta', sum);
      if (layer.scale && !layer.isFixed) step.setGradient(layer, 'gamma', e.mul(product, inverse));
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

function batchStatistics(x: Value, step: Step): Statistics {
  const e = step.emitter;
  const axes = step.otherAxes(x);
  const mean = e.emit('ReduceMean', [x.tensor], { axes, keepdims: 0 });
  const centred = e.sub(x.tensor, step.perChannel(mean, x));
  const variance = e.emit('ReduceMean', [e.mul(centred, centred)], { axes, keepdims: 0 });
  return { mean, variance };
}

/** factor x + term, by channel. */
function perChannelAffine(x: Value, factor: string, term: string, step: Step): string {
  const e = step.emitter;
  return e.add(e.mul(x.tensor, step.perChannel(factor, x)), step.perChannel(term, x));
}
