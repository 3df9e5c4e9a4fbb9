// dense.ts: y = x W + b. On a picture it does the same at every place.

import type { LayerOf } from '../../../graph/layers.ts';
import { weightOf } from '../../weights.ts';
import type { Lowering } from '../inference-scope.ts';
import { constantWeight } from '../names.ts';

export const dense: Lowering<LayerOf<'dense'>> = (layer, scope) => {
  const { name, useBias } = layer;
  const [from] = layer.inputs;
  const input = scope.channelsLast(from);
  const constant = (role: 'kernel' | 'bias') => {
    const { shape, data } = weightOf(scope.model.weights, layer, role);
    const constantName = constantWeight(name, role);
    scope.packer.add(constantName, shape).set(data);
    return constantName;
  };
  const operands = [input.tensor, constant('kernel')];
  const bias = useBias ? [constant('bias')] : [];
  if (scope.shapeOf(from).length === 1) {
    return { tensor: scope.emitFor(name, 'Gemm', [...operands, ...bias]), layout: 'channelsLast' };
  }
  const tensor = useBias
    ? scope.emitFor(name, 'Add', [scope.emitter.emit('MatMul', operands), ...bias])
    : scope.emitFor(name, 'MatMul', operands);
  return { tensor, layout: 'channelsLast' };
};
