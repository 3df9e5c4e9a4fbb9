// pooling.ts: a maximum sends its gradient to the first place with that maximum, as in PyTorch. A mean divides its
// gradient among the places of the window.

import { consumersOf } from '../../../graph/consumers.ts';
import type { LayerOf, Padding2d } from '../../../graph/layers.ts';
import { elementCount, sameShape } from '../../../util/shape.ts';
import { FLOAT, type Rule, type Step, type Value } from '../step.ts';
import { isSubsampledBy, poolingAttributes, windowOf, type Pooling, type Window } from '../windows.ts';
import { isPositive } from '../activations.ts';
import { blockedConvolution, blockedMaximum, blockedMean, pictureMeans } from '../blocked.ts';
import type { Emitter } from '../emitter.ts';
import { overlapAdd, type Geometry } from './overlap-add.ts';

/** This is below every number that a network computes, and its difference from these numbers still fits into a float. */
const LOWEST = -1e38;

/**
 * The gradient is passed through the taps of the window in order: a tap whose x is the maximum keeps it, any other tap passes it
 * on to the next. This needs no indices, which some devices do not return. Of several equal maxima the first one gets everything.
 */
export const maxPooling: Rule<LayerOf<'maxPooling2d'>> = (layer, [given], step) => {
  const e = step.emitter;
  // A window of one place: nothing is left to do where the layer before has computed the places that are used.
  const isDone = elementCount(layer.poolSize) === 1 && sameShape(given.shape, step.shapes.get(layer.name)!);
  if (isDone) return { output: given, backward: (gradient) => [gradient] };
  const x = step.settled(given);
  const next = subsamplingOf(layer, step);
  const { strides, name } = next ?? layer;
  const window = { ...windowOf(layer, x.shape, x.pad), strides };
  const { pad: _, ...rest } = x;
  const pooled = x.blocked ? blockedMaximum(e, x.tensor, window) : maximum(e, x.tensor, layer, window);
  const output: Value = { ...rest, tensor: pooled, shape: step.shapes.get(name)! };
  return {
    output,
    backward: (gradient) => {
      const dy = x.blocked ? step.blocked(gradient) : step.plain(gradient);
      const padded = padWith(e.reshape(x.tensor, step.places(x)), LOWEST, window, step);
      const geometry = { window, from: x, to: output };
      const isBelow = x.blocked ? isBelowBlocked : isBelowPlain;
      const last = elementCount(window.kernel) - 1;
      let falling = e.reshape(dy.tensor, step.places(output));
      const taps = eachTap(window, (row, column) => {
        // Whatever has come as far as the last tap is its own.
        if (row * window.kernel[1] + column === last) return falling;
        const onward = e.mul(falling, isBelow([row, column], padded, pooled, geometry, step));
        const kept = e.sub(falling, onward);
        falling = onward;
        return kept;
      });
      return [{ ...rest, tensor: overlapAdd(taps, { window, from: x, to: output }, step) }];
    },
  };
};

/** The layer behind a maximum at every place that uses every n-th: these alone are computed, under both names. */
function subsamplingOf(layer: LayerOf<'maxPooling2d'>, { graph }: Step): LayerOf<'maxPooling2d'> | undefined {
  const [next, ...others] = consumersOf(graph).get(layer.name) ?? [];
  return others.length === 0 && isSubsampledBy(layer, next) ? (next as LayerOf<'maxPooling2d'>) : undefined;
}

function maximum(e: Emitter, x: string, layer: Pooling, window: Window): string {
  return e.emit('MaxPool', [x], poolingAttributes(layer, window, undefined));
}

/** The zeros of a padding layer are counted. Those of `same` are not: a window at the border has fewer places. */
export const averagePooling: Rule<LayerOf<'averagePooling2d'>> = (layer, [given], step) => {
  const e = step.emitter;
  const { pad, ...x } = step.settled(given);
  const window = windowOf(layer, x.shape, pad);
  const attributes = poolingAttributes(layer, window, pad);
  const tensor = x.blocked ? blockedMean(e, x.tensor, attributes) : e.emit('AveragePool', [x.tensor], attributes); // prettier-ignore
  const output: Value = { ...x, tensor, shape: step.shapes.get(layer.name)! };
  return {
    output,
    backward: (gradient) => {
      const dy = step.like(gradient, x).tensor;
      const shares = e.floats([1, 1, ...to2d(output), 1], sharesOf(window, x, output, pad));
      const share = e.mul(e.reshape(dy, step.places(output)), shares);
      const taps = eachTap(window, () => share);
      return [{ ...x, tensor: overlapAdd(taps, { window, from: x, to: output }, step) }];
    },
  };
};

export const globalAveragePooling: Rule<LayerOf<'globalAveragePooling2d'>> = (_layer, [given], step) => {
  const e = step.emitter;
  const x = step.settled(given);
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const pooled = x.blocked
    ? pictureMeans(e, x.tensor, [step.batch, channels])
    : e.reshape(e.emit('GlobalAveragePool', [x.tensor]), [step.batch, channels]);
  // With one number for each channel, the blocked and the plain order are the same.
  const places = step.places(x);
  return {
    output: { tensor: pooled, shape: [channels] },
    backward: (gradient) => {
      const share = e.scale(gradient.tensor, 1 / (height * width));
      const split = e.reshape(share, step.places(x, [1, 1]));
      const spread = e.emit('Expand', [split, e.int64s(places)]);
      return [{ ...x, tensor: e.reshape(spread, step.tensorShape(x)) }];
    },
  };
};

export const globalMaxPooling: Rule<LayerOf<'globalMaxPooling2d'>> = (_layer, [x], step) => {
  const e = step.emitter;
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const flat = e.reshape(x.tensor, [step.batch, channels, height * width]);
  const pooled = e.emit('ReduceMax', [flat], { axes: [2], keepdims: 0 });
  return {
    output: { tensor: pooled, shape: [channels] },
    backward: (gradient) => {
      const first = e.emit('Cast', [e.emit('ArgMax', [flat], { axis: 2, keepdims: 1 })], { to: FLOAT });
      const places = e.floats(
        [1, 1, height * width],
        Array.from({ length: height * width }, (_, i) => i),
      );
      // 1 at the first maximum: one minus the distance in places, cut off at zero
      const isFirst = e.emit('Relu', [e.sub(e.scalar(1), e.emit('Abs', [e.sub(places, first)]))]);
      const spread = e.mul(isFirst, e.reshape(gradient.tensor, [step.batch, channels, 1]));
      return [{ ...x, tensor: e.reshape(spread, step.tensorShape(x)) }];
    },
  };
};

const to2d = ({ shape }: Value) => [shape[0]!, shape[1]!] as const;

/** The result of `make` for each tap of the window, by row and column. */
function eachTap(
  { kernel }: Window,
  make: (row: number, column: number) => string,
): readonly (readonly string[])[] {
  return Array.from({ length: kernel[0] }, (_, row) =>
    Array.from({ length: kernel[1] }, (_, column) => make(row, column)),
  );
}

function padWith(x: string, value: number, { pads }: Window, step: Step): string {
  if (pads.every((pad) => pad === 0)) return x;
  const [top, left, bottom, right] = pads;
  const sizes = step.emitter.int64s([0, 0, top, left, 0, 0, 0, bottom, right, 0]);
  return step.emitter.emit('Pad', [x, sizes, step.emitter.scalar(value)]);
}

/** 1 where the x that the tap reads is below the maximum, else 0. */
type IsBelow = (
  tap: readonly [row: number, column: number],
  padded: string,
  maximum: string,
  geometry: Geometry,
  step: Step,
) => string;

const isBelowPlain: IsBelow = (tap, padded, maximum, { window: { strides }, to }, step) => {
  const e = step.emitter;
  const end = tap.map((start, axis) => start + (to2d(to)[axis]! - 1) * strides[axis]! + 1);
  const x = e.emit('Slice', [padded, e.int64s(tap), e.int64s(end), e.int64s([2, 3]), e.int64s(strides)]);
  return isPositive(e, e.sub(e.reshape(maximum, step.places(to)), x));
};

/** What the tap reads is the output of a convolution whose kernel is -1 at the tap and 0 elsewhere: unlike Slice, it uses all threads. */
const isBelowBlocked: IsBelow = ([row, column], padded, maximum, { window, from, to }, step) => {
  const e = step.emitter;
  const { kernel, strides, dilations, pads } = window;
  const [height, width, channels] = from.shape as readonly [number, number, number];
  const area = kernel[0] * kernel[1];
  // [C/B,rows,columns,B]
  const weights = new Float32Array(channels * area);
  for (let at = row * kernel[1] + column; at < weights.length / step.block; at += area) {
    weights.fill(-1, at * step.block, (at + 1) * step.block);
  }
  const size = [height + pads[0] + pads[2], width + pads[1] + pads[3]];
  const negated = blockedConvolution(
    e,
    { kernel, strides, dilations, pads: [0, 0, 0, 0] },
    {
      x: e.reshape(padded, [step.batch, channels, ...size]),
      weight: e.floats([channels, 1, ...kernel], weights),
      groups: channels,
    },
  );
  return isPositive(e, e.reshape(e.add(maximum, negated), step.places(to)));
};

/** 1 / count for every place of the output, `[h,w]`. */
function sharesOf({ kernel, strides, pads }: Window, x: Value, output: Value, pad: Padding2d | undefined) {
  const counts = [0, 1].map((axis) =>
    Array.from({ length: to2d(output)[axis]! }, (_, place) => {
      if (pad) return kernel[axis]!;
      const start = place * strides[axis]! - pads[axis]!;
      return Math.min(start + kernel[axis]!, to2d(x)[axis]!) - Math.max(start, 0);
    }),
  );
  return counts[0]!.flatMap((rows) => counts[1]!.map((columns) => 1 / (rows * columns)));
}
