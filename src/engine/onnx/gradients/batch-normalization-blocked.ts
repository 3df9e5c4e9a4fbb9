// batch-normalization-blocked.ts: the batch norm of the CPU-tuned lowering, on pictures in blocks of channels: each pass over the
// picture is a depthwise convolution or a mean. For the gradient a picture is kept whose mean is 0 or close to it, instead of x.

import type { LayerOf } from '../../../graph/layers.ts';
import { pictureMeans, pictureProducts, scaledAndShifted } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
import {
  factorOf,
  moveRunningStatistics,
  runningStatistics,
  usesBatch,
  type Statistics,
} from './batch-normalization-statistics.ts';

type Norm = LayerOf<'batchNormalization'>;

export function blockedBatchNormalization(layer: Norm, given: Value, step: Step): Lowered {
  const e = step.emitter;
  const { lessBy: _, ...x } = given;
  const channels = x.shape.at(-1)!;
  const trains = usesBatch(layer, step);
  const { centred, rest, mean, variance } = trains ? byBatch(layer, given, step) : byRunning(layer, given, step); // prettier-ignore
  if (trains) moveRunningStatistics(layer, { mean, variance }, step.countPerChannel(x), step);
  const { factor, inverse } = factorOf(layer, variance, step);
  const beta = layer.center ? step.weight(layer, 'beta') : repeated(0, channels, step);
  const term = rest === undefined ? beta : e.sub(beta, e.mul(factor, rest));
  return {
    output: { ...x, tensor: centred, blocked: true, pending: { factor, term } },
    backward: (gradient, [wanted]) => {
      const dy = step.blocked(gradient).tensor;
      const count = step.countPerChannel(x);
      const meanOfDy = meanOf({ ...x, tensor: dy }, step);
      const product = meanOfProduct([dy, centred], x, step);
      // mean(dy (x - mean))
      const covariance = rest === undefined ? product : e.sub(product, e.mul(rest, meanOfDy));
      if (layer.center && !layer.isFixed) step.setGradient(layer, 'beta', e.scale(meanOfDy, count));
      if (layer.scale && !layer.isFixed)
        step.setGradient(layer, 'gamma', e.mul(e.scale(covariance, count), inverse));
      if (!wanted) return [undefined];
      if (!trains) return [{ ...x, tensor: scaledAndShifted(e, dy, channels, { factor }) }];
      // dx = factor (dy - mean(dy) - (x - mean) inverse² mean(dy (x - mean)))
      const minus = e.emit('Neg', [factor]);
      const slope = e.mul(minus, e.mul(covariance, e.mul(inverse, inverse)));
      const level = e.mul(minus, meanOfDy);
      const offset = rest === undefined ? level : e.sub(level, e.mul(slope, rest));
      const sum = scaledAndShifted(e, centred, channels, { factor: slope, term: offset });
      return [
        {
          ...x,
          tensor: scaledAndShifted(e, step.sized(dy, x), channels, { factor, sum: step.sized(sum, x) }),
        },
      ];
    },
  };
}

interface Centred extends Statistics {
  /** The picture less `mean`, or less a number near it. */
  readonly centred: string;
  /** `[C]`: what `mean` is above that number; undefined where it is that number. */
  readonly rest?: string;
}

/** The square of so many deviations: as far as the running mean may be from the batch's, so that the variance keeps its digits. */
const FAR = 9;

/**
 * Where the running mean r has been subtracted: mean = r + m and variance = mean((x - r)²) - m², with m = mean(x - r). The farther r is
 * from the mean, the more digits cancel; where it is far in any channel, the variance is computed anew from the picture less its mean.
 * Source: Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983 (shifted data).
 */
function byBatch({ epsilon }: Norm, x: Value, step: Step): Centred {
  const e = step.emitter;
  const mean = meanOf(x, step);
  const squaresOf = (tensor: string) => meanOfProduct([tensor, tensor], x, step);
  if (x.lessBy === undefined) {
    const centred = less(x, mean, step);
    return { centred, mean, variance: squaresOf(centred) };
  }
  const square = e.mul(mean, mean);
  const difference = e.sub(squaresOf(x.tensor), square);
  const excess = e.sub(square, e.scale(e.add(difference, e.scalar(epsilon)), FAR));
  const isFar = e.emit('Greater', [e.emit('ReduceMax', [excess], { keepdims: 0 }), e.scalar(0)]);
  const variance = e.either(isFar, () => squaresOf(less(x, mean, step)), e.emit('Relu', [difference]));
  return { centred: x.tensor, rest: mean, mean: e.add(mean, x.lessBy), variance };
}

function byRunning(layer: Norm, x: Value, step: Step): Centred {
  const { mean, variance } = runningStatistics(layer, step);
  return { centred: x.lessBy === undefined ? less(x, mean, step) : x.tensor, mean, variance };
}

/** The picture less a number for each channel. */
function less(x: Value, numbers: string, step: Step): string {
  const e = step.emitter;
  const channels = x.shape.at(-1)!;
  return scaledAndShifted(e, x.tensor, channels, { factor: repeated(1, channels, step), term: e.emit('Neg', [numbers]) }); // prettier-ignore
}

const repeated = (number: number, count: number, { emitter: e }: Step) =>
  e.floats([count], Array<number>(count).fill(number));

/** The mean over all pictures, by channel: `[C]`. */
function meanOf({ tensor, shape }: Value, step: Step): string {
  return meanOverBatch(pictureMeans(step.emitter, tensor, [step.batch, shape.at(-1)!]), step);
}

/** The same of the product of two tensors of this shape. */
function meanOfProduct(factors: readonly [string, string], { shape }: Value, step: Step): string {
  return meanOverBatch(pictureProducts(step.emitter, factors, { batch: step.batch, shape }), step);
}

/** @param perPicture `[N,C]` */
function meanOverBatch(perPicture: string, { emitter }: Step): string {
  return emitter.emit('ReduceMean', [perPicture], { axes: [0], keepdims: 0 });
}
