// pooling.ts: a maximum sends its gradient to the first place with that maximum, as in PyTorch. A mean divides its
// gradient among the places of the window.

import { consumersOf } from '../../../graph/consumers.ts';
import type { LayerOf, Padding2d } from '../../../graph/layers.ts';
import { elementCount, sameShape } from '../../../util/shape.ts';
import { FLOAT, type Rule, type Step, type Value } from '../step.ts';
import { isSubsampledBy, poolingAttributes, windowOf, type Pooling, type Window } from '../windows.ts';
import { isPositive } from '../activations.ts';
import { blockedMaximum, blockedMean, pictureMeans } from '../blocked.ts';
import type { Emitter } from '../emitter.ts';
import { overlapAdd } from './overlap-add.ts';

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
      const y = e.reshape(pooled, step.places(output));
      const padded = padWith(e.reshape(x.tensor, step.places(x)), LOWEST, window, step);
      let falling = e.reshape(dy.tensor, step.places(output));
      const taps = eachTap(window, (row, column) => {
        const below = e.sub(y, seenBy(padded, [row, column], window, output, step));
        const onward = e.mul(falling, isPositive(e, below));
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

/** The x that one tap of the window reads at every place. */
function seenBy(
  padded: string,
  tap: readonly [number, number],
  { strides }: Window,
  output: Value,
  step: Step,
): string {
  const e = step.emitter;
  const end = tap.map((start, axis) => start + (to2d(output)[axis]! - 1) * strides[axis]! + 1);
  return e.emit('Slice', [padded, e.int64s(tap), e.int64s(end), e.int64s([2, 3]), e.int64s(strides)]);
}

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
