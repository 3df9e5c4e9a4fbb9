// batch-normalization-blocked.ts: the batch norm of the CPU-tuned lowering, on pictures in blocks of channels: each pass over the
// picture is a depthwise convolution or a mean. For the gradient x - mean is kept instead of x.

import type { LayerOf } from '../../../graph/layers.ts';
import { pictureMeans, pictureProducts, scaledAndShifted } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
import {
  factorOf,
  moveRunningStatistics,
  runningStatistics,
  usesBatch,
} from './batch-normalization-statistics.ts';

export function blockedBatchNormalization(
  layer: LayerOf<'batchNormalization'>,
  x: Value,
  step: Step,
): Lowered {
  const e = step.emitter;
  const channels = x.shape.at(-1)!;
  const pictures = { batch: step.batch, shape: x.shape };
  const trains = usesBatch(layer, step);
  const ones = e.floats(
    [channels],
    Array.from({ length: channels }, () => 1),
  );
  const mean = trains
    ? meanOf(pictureMeans(e, x.tensor, [step.batch, channels]), step)
    : runningStatistics(layer, step).mean;
  const centred = scaledAndShifted(e, x.tensor, channels, { factor: ones, term: e.emit('Neg', [mean]) });
  const variance = trains
    ? meanOf(pictureProducts(e, [centred, centred], pictures), step)
    : runningStatistics(layer, step).variance;
  if (trains) moveRunningStatistics(layer, { mean, variance }, step.countPerChannel(x), step);
  const { factor, inverse } = factorOf(layer, variance, step);
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
      const meanOfDy = meanOf(pictureMeans(e, dy, [step.batch, channels]), step);
      const meanOfProduct = meanOf(pictureProducts(e, [dy, centred], pictures), step);
      if (layer.center && !layer.isFixed) step.setGradient(layer, 'beta', e.scale(meanOfDy, count));
      if (layer.scale && !layer.isFixed)
        step.setGradient(layer, 'gamma', e.mul(e.scale(meanOfProduct, count), inverse));
      if (!wanted) return [undefined];
      if (!trains) return [{ ...x, tensor: scaledAndShifted(e, dy, channels, { factor }) }];
      // dx = factor (dy - mean(dy) - (x - mean) inverse² mean(dy (x - mean)))
      const minus = e.emit('Neg', [factor]);
      const slope = e.mul(minus, e.mul(meanOfProduct, e.mul(inverse, inverse)));
      const sum = scaledAndShifted(e, centred, channels, { factor: slope, term: e.mul(minus, meanOfDy) });
      return [
        {
          ...x,
          tensor: scaledAndShifted(e, step.sized(dy, x), channels, { factor, sum: step.sized(sum, x) }),
        },
      ];
    },
  };
}

/** The mean of the pictures' values, by channel: `[C]`. */
function meanOf(perPicture: string, step: Step): string {
  return step.emitter.emit('ReduceMean', [perPicture], { axes: [0], keepdims: 0 });
}
