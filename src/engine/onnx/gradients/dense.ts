// dense.ts: y = x W + b: dW = xᵀ dy, db = Σ dy, dx = dy Wᵀ. On pictures it does the same at every place.

import type { LayerOf } from '../../../graph/layers.ts';
import { elementCount } from '../../../util/shape.ts';
import { graphOrder } from '../axes.ts';
import type { Rule, Value } from '../step.ts';

export const dense: Rule<LayerOf<'dense'>> = (layer, [x], step) => {
  const e = step.emitter;
  const kernel = step.weight(layer, 'kernel');
  const shape = step.shapes.get(layer.name)!;
  /** `[rows, features]` */
  const rows = (value: Value) =>
    value.shape.length === 1
      ? value.tensor
      : e.reshape(step.channelsLast(value).tensor, [
          (step.batch * elementCount(value.shape)) / value.shape.at(-1)!,
          value.shape.at(-1)!,
        ]);
  const fromRows = (tensor: string, to: typeof shape): Value =>
    to.length === 1
      ? { tensor, shape: to }
      : { tensor: e.reshape(tensor, [step.batch, ...to]), shape: to, axes: graphOrder(to) };
  const xRows = rows(x);
  const operands = [xRows, kernel, ...(layer.useBias ? [step.weight(layer, 'bias')] : [])];
  return {
    output: fromRows(e.emit('Gemm', operands), shape),
    backward: (gradient, [wanted]) => {
      const dy = rows(gradient);
      if (layer.useBias) step.setGradient(layer, 'bias', e.reduceSum(dy, [0]));
      step.setGradient(layer, 'kernel', e.emit('Gemm', [xRows, dy], { transA: 1 }));
      return [wanted ? fromRows(e.emit('Gemm', [dy, kernel], { transB: 1 }), x.shape) : undefined];
    },
  };
};
