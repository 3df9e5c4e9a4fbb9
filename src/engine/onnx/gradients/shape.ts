// shape.ts: layers that only move numbers: reshape, flatten, permute, cropping, zero padding. Their gradients move them back.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Shape } from '../../../util/shape.ts';
import { cropBounds, permutedAxes, reshapePlan } from '../axes.ts';
import { axesOf, type Rule, type Step, type Value } from '../step.ts';
import { isAbsorbed } from '../windows.ts';

/** The numbers keep the order of the graph, channel-last. */
export const reshape: Rule<LayerOf<'reshape'> | LayerOf<'flatten'>> = (layer, [x], step) => ({
  output: reshaped(x, step.shapes.get(layer.name)!, step),
  backward: (gradient) => [reshaped(gradient, x.shape, step)],
});

function reshaped(value: Value, shape: Shape, step: Step): Value {
  const given = value.blocked ? step.plain(value) : value;
  const { before, sizes, axes } = reshapePlan(axesOf(given), value.shape, shape);
  const { tensor } = step.inAxes(given, before);
  return { tensor: step.emitter.reshape(tensor, [step.batch, ...sizes]), shape, axes };
}

/** The same tensor, whose axes have other names. */
export const permute: Rule<LayerOf<'permute'>> = ({ name, dims }, [x], step) => ({
  output: permuted(x, dims, step.shapes.get(name)!, step),
  backward: (gradient) => [permuted(gradient, dims.map((_, axis) => dims.indexOf(axis + 1) + 1), x.shape, step)], // prettier-ignore
});

function permuted(value: Value, dims: readonly number[], shape: Shape, step: Step): Value {
  const given = value.blocked ? step.plain(value) : value;
  return { tensor: given.tensor, shape, axes: permutedAxes(axesOf(given), dims) };
}

/** The gradient of what was left out is zero. */
export const cropping: Rule<LayerOf<'cropping2d'>> = ({ name, crop }, [given], step) => {
  const e = step.emitter;
  const x = given.blocked ? step.plain(given) : given;
  const shape = step.shapes.get(name)!;
  const { begin, end, axes } = cropBounds(crop, shape, axesOf(x));
  const bounds = [begin, end, axes].map((bound) => e.int64s(bound));
  return {
    output: { ...x, tensor: e.emit('Slice', [x.tensor, ...bounds]), shape },
    backward: (gradient) => {
      const { tensor } = step.like(gradient, x);
      const whole = step.tensorShape(x);
      const zeros = (side: (cut: number) => number) => whole.map((_, axis) => (axes.includes(axis) ? side(axes.indexOf(axis)) : 0)); // prettier-ignore
      const before = zeros((cut) => begin[cut]!);
      const after = zeros((cut) => whole[axes[cut]!]! - end[cut]!);
      return [{ ...x, tensor: e.emit('Pad', [tensor, e.int64s([...before, ...after])]) }];
    },
  };
};

/** Where the windows after this layer add the zeros themselves, their gradient is already the gradient of the unpadded input. */
export const zeroPadding: Rule<LayerOf<'zeroPadding2d'>> = (layer, [given], step) => {
  const e = step.emitter;
  if (isAbsorbed(layer, step.graph, step.consumers.get(layer.name) ?? [])) {
    return { output: { ...step.settled(given), pad: layer.pad }, backward: (gradient) => [gradient] };
  }
  const x = step.plain(given);
  const { top, left, bottom, right } = layer.pad;
  const [height, width] = x.shape as readonly [number, number, number];
  const pads = e.int64s([0, 0, top, left, 0, 0, bottom, right]);
  return {
    output: { tensor: e.emit('Pad', [x.tensor, pads]), shape: step.shapes.get(layer.name)! },
    backward: (gradient) => {
      const bounds = [[top, left], [top + height, left + width], [2, 3]].map((bound) => e.int64s(bound)); // prettier-ignore
      return [{ ...x, tensor: e.emit('Slice', [step.plain(gradient).tensor, ...bounds]) }];
    },
  };
};
