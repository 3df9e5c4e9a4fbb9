// prelu.ts: slopes that are learnt, in whatever order the input has its axes.

import type { LayerOf } from '../../../graph/layers.ts';
import { transpose } from '../../../util/shape.ts';
import { weightOf } from '../../weights.ts';
import type { Lowering } from '../inference-scope.ts';

export const prelu: Lowering<LayerOf<'prelu'>> = (layer, scope) => {
  const input = scope.value(layer.inputs[0]);
  const { shape, data } = weightOf(scope.model.weights, layer, 'alpha');
  const order = input.axes.slice(1).map((axis) => axis - 1);
  const sizes = order.map((axis) => shape[axis]!);
  const slopes = scope.emitter.floats(sizes, transpose(data, shape, order));
  return { ...input, tensor: scope.emitFor(layer.name, 'PRelu', [input.tensor, slopes]) };
};
