// lowerings.ts: how every kind of layer becomes onnx operators at inference. The code does not compile if a kind is missing.

import type { Layer, LayerKind, LayerOf } from '../../../graph/layers.ts';
import { emitActivation } from '../activations.ts';
import type { InferenceScope, Lowering, Value } from '../inference-scope.ts';
import { layerTensor } from '../names.ts';
import { concatenate, elementwise } from './arithmetic.ts';
import { convolution } from './convolution.ts';
import { dense } from './dense.ts';
import { input } from './input.ts';
import { batchNormalization } from './normalization.ts';
import { averagePooling, globalPooling, maxPooling } from './pooling.ts';
import { reshape, zeroPadding } from './shape.ts';

const activation: Lowering<LayerOf<'activation'>> = (layer, scope) => {
  const from = scope.value(layer.inputs[0]);
  const options = { channelAxis: from.layout === 'nchw' ? 1 : -1, name: layerTensor(layer.name) };
  return { ...from, tensor: emitActivation(scope.emitter, layer, from.tensor, options) };
};

const LOWERINGS = {
  input,
  conv2d: convolution,
  depthwiseConv2d: convolution,
  batchNormalization,
  activation,
  zeroPadding2d: zeroPadding,
  maxPooling2d: maxPooling,
  averagePooling2d: averagePooling,
  globalAveragePooling2d: globalPooling('GlobalAveragePool'),
  globalMaxPooling2d: globalPooling('GlobalMaxPool'),
  dense,
  add: elementwise('Add'),
  multiply: elementwise('Mul'),
  concatenate,
  reshape,
  flatten: reshape,
  dropout: ({ inputs }, scope) => scope.value(inputs[0]),
} as const satisfies { readonly [K in LayerKind]: Lowering<LayerOf<K>> };

export function lowerLayer(layer: Layer, scope: InferenceScope): Value {
  return (LOWERINGS[layer.kind] as Lowering<Layer>)(layer, scope);
}
