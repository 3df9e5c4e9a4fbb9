// prelu.ts: y = x above 0 and alpha x below: dx = dy or alpha dy, dalpha = Σ dy min(x, 0) over the numbers that share a slope. At 0
// the derivative is alpha, as in PyTorch.

import type { LayerOf } from '../../../graph/layers.ts';
import { weightShapes } from '../../../graph/shapes.ts';
import { isPositive } from '../activations.ts';
import { axesOf, type Rule } from '../step.ts';

export const prelu: Rule<LayerOf<'prelu'>> = (layer, [x], step) => {
  const e = step.emitter;
  const [[, shape]] = weightShapes(layer, x.shape) as readonly [readonly ['alpha', readonly number[]]];
  const order = axesOf(x)
    .slice(1)
    .map((axis) => axis - 1);
  const back = order.map((_, axis) => order.indexOf(axis));
  const alpha = e.transpose(step.weight(layer, 'alpha'), order);
  return {
    output: { ...x, tensor: e.emit('PRelu', [x.tensor, alpha]) },
    backward: (gradient) => {
      const dy = step.like(gradient, x).tensor;
      const below = e.emit('Min', [x.tensor, e.scalar(0)]);
      const sizes = order.map((axis) => shape[axis]!);
      const shared = [0, ...sizes.flatMap((size, axis) => (size === 1 ? [axis + 1] : []))];
      const sum = e.reshape(e.reduceSum(e.mul(dy, below), shared), sizes);
      step.setGradient(layer, 'alpha', e.transpose(sum, back));
      const positive = isPositive(e, x.tensor);
      const slope = e.add(positive, e.mul(e.sub(e.scalar(1), positive), alpha));
      return [{ ...x, tensor: e.mul(dy, slope) }];
    },
  };
};
