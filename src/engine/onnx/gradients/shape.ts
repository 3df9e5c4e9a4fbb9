// shape.ts: layers that only move numbers: reshape, flatten, zero padding. Their gradients move them back.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';
import { consumersOf, isAbsorbed } from '../windows.ts';

/** The numbers keep the order of the graph, channel-last. */
export const reshape: Rule<LayerOf<'reshape'> | LayerOf<'flatten'>> = (layer, [x], step) => {
  const e = step.emitter;
  const shape = step.shapes.get(layer.name)!;
  return {
    output: step.fromChannelsLast(e.reshape(step.channelsLast(x), [step.batch, ...shape]), shape),
    backward: (gradient) => [
      step.fromChannelsLast(e.reshape(step.channelsLast(gradient), [step.batch, ...x.shape]), x.shape),
    ],
  };
};

/** Where the windows after this layer add the zeros themselves, their gradient is already the gradient of the unpadded input. */
export const zeroPadding: Rule<LayerOf<'zeroPadding2d'>> = (layer, [given], step) => {
  const e = step.emitter;
  if (isAbsorbed(layer, step.graph, consumersOf(step.graph).get(layer.name) ?? [])) {
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
