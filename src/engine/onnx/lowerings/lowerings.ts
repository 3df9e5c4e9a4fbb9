// lowerings.ts: how every kind of layer becomes onnx operators at inference. The code does not compile if a kind is missing.

import type { Layer, LayerKind, LayerOf } from '../../../graph/layers.ts';
import { emitActivation } from '../activations.ts';
import type { InferenceScope, Lowering, Value } from '../inference-scope.ts';
import { layerTensor } from '../names.ts';
import { concatenate, elementwise, rescaling } from './arithmetic.ts';
import { convolution } from './convolution.ts';
import { dense } from './dense.ts';
import { input } from './input.ts';
import { lowerToBytes } from './bytes.ts';
import { batchNormalization, layerNormalization } from './normalization.ts';
import { onnx } from './onnx.ts';
import { averagePooling, globalPooling, maxPooling } from './pooling.ts';
import { prelu } from './prelu.ts';
import { cropping, permute, reshape, zeroPadding } from './shape.ts';

const activation: Lowering<LayerOf<'activation'>> = (layer, scope) => {
  const from = scope.value(layer.inputs[0]);
  const channelAxis = from.axes.indexOf(from.axes.length - 1);
  const options = { channelAxis, name: layerTensor(layer.name) };
  return { ...from, tensor: emitActivation(scope.emitter, layer, from.tensor, options) };
};

const LOWERINGS = {
  input,
  conv2d: convolution,
  depthwiseConv2d: convolution,
  batchNormalization,
  layerNormalization,
  activation,
  prelu,
  zeroPadding2d: zeroPadding,
  cropping2d: cropping,
  maxPooling2d: maxPooling,
  averagePooling2d: averagePooling,
  globalAveragePooling2d: globalPooling('GlobalAveragePool'),
  globalMaxPooling2d: globalPooling('GlobalMaxPool'),
  dense,
  add: elementwise('Add'),
  multiply: elementwise('Mul'),
  concatenate,
  rescaling,
  reshape,
  permute,
  flatten: reshape,
  dropout: ({ inputs }, scope) => scope.value(inputs[0]),
  onnx,
} as const satisfies { readonly [K in LayerKind]: Lowering<LayerOf<K>> };

export function lowerLayer(layer: Layer, scope: InferenceScope): Value {
  return lowerToBytes(layer, scope) ?? (LOWERINGS[layer.kind] as Lowering<Layer>)(layer, scope);
}
