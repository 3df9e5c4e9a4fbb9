// pooling.ts: a mean divides its gradient among the places of its window. The maximum of a whole picture sends it to the first place
// with that maximum, as in PyTorch.

import type { LayerOf, Padding2d } from '../../../graph/layers.ts';
import { blockedMean, pictureMeans } from '../blocked.ts';
import { FLOAT, type Rule, type Value } from '../step.ts';
import { poolingAttributes, windowOf, type Window } from '../windows.ts';
import { overlapAdd } from './overlap-add.ts';

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
