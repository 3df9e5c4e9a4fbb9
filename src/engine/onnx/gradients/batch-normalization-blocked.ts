// batch-normalization-blocked.ts: the batch norm of the CPU-tuned lowering, on pictures in blocks of channels: each pass over the
// picture is a depthwise convolution or a mean. What is kept for the gradient is x - mean, in place of x.

import type { LayerOf } from '../../../graph/layers.ts';
import { pictureMeans, pictureProducts, scaleAndShift } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
import { affine, moveRunningStatistics, runningStatistics } from './batch-normalization.ts';

export function blockedBatchNormalization(
  layer: LayerOf<'batchNormalization'>,
  x: Value,
  step: Step,
): Lowered {
  const e = step.emitter;
  const channels = x.shape.at(-1)!;
  const trains = step.batchNorm === 'train';
  const ones = e.floats(
    [channels],
    Array.from({ length: channels }, () => 1),
  );
  const mean = trains
    ? meanOf(pictureMeans(step, x.tensor, channels), step)
    : runningStatistics(layer, step).mean;
  const centred = scaleAndShift(step, x.tensor, channels, { factor: ones, term: e.emit('Neg', [mean]) });
  const variance = trains
    ? meanOf(pictureProducts(step, centred, centred, x.shape), step)
    : runningStatistics(layer, step).variance;
  if (trains) moveRunningStatistics(layer, { mean, variance }, step.countPerChannel(x), step);
  const { factor, inverse } = affine(layer, variance, step);
  const term = layer.center
    ? step.weight(layer, 'beta')
    : e.floats(
        [channels],
        Array.from({ length: channels }, () => 0),
      );
  return {
    output: { ...x, tensor: centred, blocked: true, pending: { factor, term } },
    backward: (gradient, [wanted]) => {
      const dy = step.blocked(gradient).tensor;
      const count = step.countPerChannel(x);
      const meanOfDy = meanOf(pictureMeans(step, dy, channels), step);
      const meanOfProduct = meanOf(pictureProducts(step, dy, centred, x.shape), step);
      if (layer.center) step.setGradient(layer, 'beta', e.scale(meanOfDy, count));
      if (layer.scale) step.setGradient(layer, 'gamma', e.mul(e.scale(meanOfProduct, count), inverse));
      if (!wanted) return [undefined];
      if (!trains) return [{ ...x, tensor: scaleAndShift(step, dy, channels, { factor }) }];
      // dx = factor (dy - mean(dy) - (x - mean) inverse² mean(dy (x - mean)))
      const minus = e.emit('Neg', [factor]);
      const slope = e.mul(minus, e.mul(meanOfProduct, e.mul(inverse, inverse)));
      const sum = scaleAndShift(step, centred, channels, { factor: slope, term: e.mul(minus, meanOfDy) });
      return [{ ...x, tensor: scaleAndShift(step, dy, channels, { factor, sum }) }];
    },
  };
}

/** Of what each picture has, by channel: `[C]`. */
function meanOf(perPicture: string, step: Step): string {
  return step.emitter.emit('ReduceMean', [perPicture], { axes: [0], keepdims: 0 });
}
