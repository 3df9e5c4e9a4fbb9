// layer-normalization.ts: y = gamma n + beta with n = (x - mean) / sqrt(variance + eps), over the channels of each place.
// Source: Ba, Kiros and Hinton, Layer Normalization, 2016.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';

export const layerNormalization: Rule<LayerOf<'layerNormalization'>> = (layer, [given], step) => {
  const e = step.emitter;
  const x = step.channelsLast(given);
  const channels = x.shape.length;
  const mean = (tensor: string) => e.emit('ReduceMean', [tensor], { axes: [channels], keepdims: 1 });
  const centred = e.sub(x.tensor, mean(x.tensor));
  const variance = mean(e.mul(centred, centred));
  const deviation = e.emit('Sqrt', [e.add(variance, e.scalar(layer.epsilon))]);
  const normal = e.div(centred, deviation);
  const scaled = layer.scale ? e.mul(normal, step.weight(layer, 'gamma')) : normal;
  const shifted = layer.center ? e.add(scaled, step.weight(layer, 'beta')) : scaled;
  return {
    output: { ...x, tensor: shifted },
    backward: (gradient, [wanted]) => {
      const dy = step.like(gradient, x).tensor;
      const others = step.otherAxes(x);
      if (layer.center) step.setGradient(layer, 'beta', e.reduceSum(dy, others));
      if (layer.scale) step.setGradient(layer, 'gamma', e.reduceSum(e.mul(dy, normal), others));
      if (!wanted) return [undefined];
      // dx = (dn - mean(dn) - n mean(dn n)) / deviation
      const dn = layer.scale ? e.mul(dy, step.weight(layer, 'gamma')) : dy;
      const through = e.add(mean(dn), e.mul(normal, mean(e.mul(dn, normal))));
      return [{ ...x, tensor: e.div(e.sub(dn, through), deviation) }];
    },
  };
};
