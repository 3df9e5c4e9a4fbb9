// shape.ts: layers that only move numbers: reshape, flatten, permute, cropping, zero padding.

import type { LayerOf } from '../../../graph/layers.ts';
import { cropBounds, permutedAxes, reshapePlan } from '../axes.ts';
import type { Lowering } from '../inference-scope.ts';
import { isAbsorbed } from '../windows.ts';

/** The numbers keep the order of the graph, channel-last; where runs of axes stay whole, nothing is moved. */
export const reshape: Lowering<LayerOf<'reshape' | 'flatten'>> = (layer, scope) => {
  const [from] = layer.inputs;
  const { axes: given } = scope.value(from);
  const { before, sizes, axes } = reshapePlan(given, scope.shapeOf(from), scope.shapeOf(layer.name));
  const operands = [scope.inAxes(from, before).tensor, scope.emitter.int64s([-1, ...sizes])];
  return { tensor: scope.emitFor(layer.name, 'Reshape', operands), axes };
};

/** The same tensor, whose axes have other names. */
export const permute: Lowering<LayerOf<'permute'>> = ({ inputs, dims }, scope) => {
  const input = scope.value(inputs[0]);
  return { ...input, axes: permutedAxes(input.axes, dims) };
};

export const cropping: Lowering<LayerOf<'cropping2d'>> = ({ name, inputs, crop }, scope) => {
  const e = scope.emitter;
  const input = scope.value(inputs[0]);
  const { begin, end, axes } = cropBounds(crop, scope.shapeOf(name), input.axes);
  if (axes.length === 0) return input;
  const operands = [input.tensor, ...[begin, end, axes].map((bound) => e.int64s(bound))];
  return { ...input, tensor: scope.emitFor(name, 'Slice', operands) };
};

/** Where the windows after this layer can add the zeros themselves, they do it, because that costs nothing. */
export const zeroPadding: Lowering<LayerOf<'zeroPadding2d'>> = (layer, scope) => {
  const input = scope.nchw(layer.inputs[0]);
  const absorbed = isAbsorbed(layer, scope.graph, scope.consumers.get(layer.name) ?? []);
  if (absorbed && !scope.outputs.includes(layer.name)) return { ...input, pad: layer.pad };
  const { top, left, bottom, right } = layer.pad;
  const pads = scope.emitter.int64s([0, 0, top, left, 0, 0, bottom, right]);
  return { ...input, tensor: scope.emitFor(layer.name, 'Pad', [input.tensor, pads]) };
};
