// dropout.ts: y = mask x and dx = mask dy; the mask comes from outside, 0 or 1 / (1 - rate), so that a seed decides it.
// Source: Srivastava et al., Dropout, 2014; Huang et al., Deep Networks with Stochastic Depth, 2016 (whole samples).

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';

export const dropout: Rule<LayerOf<'dropout'>> = (layer, [x], step) => {
  if (layer.rate === 0) return { output: x, backward: (gradient) => [gradient] };
  const whole = step.tensorShape(x);
  const shape = layer.perSample ? whole.map((size, axis) => (axis === 0 ? size : 1)) : whole;
  const mask = step.mask(layer, shape, layer.rate);
  return {
    output: { ...x, tensor: step.emitter.mul(x.tensor, mask) },
    backward: (gradient) => [{ ...gradient, tensor: step.emitter.mul(gradient.tensor, mask) }],
  };
};
