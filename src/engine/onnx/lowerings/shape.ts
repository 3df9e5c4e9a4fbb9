// shape.ts: layers that only move numbers: reshape, flatten, zero padding.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Lowering } from '../inference-scope.ts';
import { isAbsorbed } from '../windows.ts';

/** The numbers keep the order of the graph, channel-last. */
export const reshape: Lowering<LayerOf<'reshape' | 'flatten'>> = (layer, scope) => {
  const [from] = layer.inputs;
  const input = scope.channelsLast(from);
  const shape = scope.shapeOf(layer.name);
  const [height, width, channels] = shape;
  // A vector that becomes a picture of one pixel (squeeze and excite) has the same order in NCHW and channel-last.
  const onePixel = scope.shapeOf(from).length === 1 && height === 1 && width === 1;
  const target = scope.emitter.int64s(onePixel ? [-1, channels!, 1, 1] : [-1, ...shape]);
  const tensor = scope.emitFor(layer.name, 'Reshape', [input.tensor, target]);
  return { tensor, layout: onePixel ? 'nchw' : 'channelsLast' };
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
