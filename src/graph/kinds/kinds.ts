// kinds.ts: the table of all kinds of layer. A kind that is missing in it, or in the table of an engine, does not compile.

import type { Layer, LayerKind, LayerOf } from '../layers.ts';
import { activation } from './activation.ts';
import { add, concatenate, multiply, rescaling } from './arithmetic.ts';
import { conv2d, depthwiseConv2d } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { invalidLayer, type KerasRead, type Kind } from './kind.ts';
import { batchNormalization, layerNormalization } from './normalization.ts';
import { onnx } from './onnx.ts';
import { averagePooling2d, globalAveragePooling2d, globalMaxPooling2d, maxPooling2d } from './pooling.ts';
import { prelu } from './prelu.ts';
import { cropping2d, flatten, input, permute, reshape, zeroPadding2d } from './shape.ts';

const KINDS = {
  input,
  conv2d,
  depthwiseConv2d,
  batchNormalization,
  layerNormalization,
  activation,
  prelu,
  zeroPadding2d,
  cropping2d,
  maxPooling2d,
  averagePooling2d,
  globalAveragePooling2d,
  globalMaxPooling2d,
  dense,
  add,
  multiply,
  concatenate,
  rescaling,
  reshape,
  permute,
  flatten,
  dropout,
  onnx,
} as const satisfies { readonly [K in LayerKind]: Kind<LayerOf<K>> };

/** What is known of a layer's kind. @throws AppError MODEL_INVALID when it is none of finch's */
export function kindOf(layer: Layer): Kind<Layer> {
  if (!Object.hasOwn(KINDS, layer.kind)) throw invalidLayer(layer, 'is of a kind that finch does not know');
  return KINDS[layer.kind];
}

/** How each Keras class of layer is read. */
export const KERAS_CLASSES: ReadonlyMap<string, KerasRead<Layer>> = new Map(
  Object.values(KINDS).flatMap(({ keras }) => Object.entries<KerasRead<Layer>>(keras.read)),
);
