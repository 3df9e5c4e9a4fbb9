// dense.ts: y = x W + b. On a picture it does the same at every place.

import type { LayerOf } from '../../../graph/layers.ts';
import { weightOf } from '../../weights.ts';
import type { InferenceScope, Lowering, Value } from '../inference-scope.ts';
import { constantWeight } from '../names.ts';

export const dense: Lowering<LayerOf<'dense'>> = (layer, scope) => {
  const { name, useBias } = layer;
  const [from] = layer.inputs;
  const input = scope.channelsLast(from);
  const factor = scaleBehind(layer, scope);
  const factors = factor && weightOf(scope.model.weights, factor, 'depthwise_kernel').data;
  const constant = (role: 'kernel' | 'bias') => {
    const { shape, data } = weightOf(scope.model.weights, layer, role);
    const constantName = constantWeight(name, role);
    const packed = scope.packer.add(constantName, shape);
    if (factors) packed.forEach((_, i) => (packed[i] = data[i]! * factors[i % factors.length]!));
    else packed.set(data);
    return constantName;
  };
  const operands = [input.tensor, constant('kernel')];
  const bias = useBias ? [constant('bias')] : [];
  const last = factor?.name ?? name;
  const tensor =
    scope.shapeOf(from).length === 1
      ? scope.emitFor(last, 'Gemm', [...operands, ...bias])
      : useBias
        ? scope.emitFor(last, 'Add', [scope.emitter.emit('MatMul', operands), ...bias])
        : scope.emitFor(last, 'MatMul', operands);
  const value: Value = { ...input, tensor };
  if (factor) scope.set(factor.name, value);
  return value;
};

/** A factor for each channel behind the layer: a depthwise convolution of 1x1 without bias. Its numbers become the layer's. */
function scaleBehind(layer: LayerOf<'dense'>, scope: InferenceScope): LayerOf<'depthwiseConv2d'> | undefined {
  const next = scope.soleConsumer(layer, 'depthwiseConv2d');
  const isFactor =
    next && !next.useBias && next.depthMultiplier === 1 && [...next.kernelSize, ...next.strides].every((n) => n === 1); // prettier-ignore
  return isFactor ? next : undefined;
}
