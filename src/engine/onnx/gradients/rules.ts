// rules.ts: the gradient rule of every kind of layer. If a kind is missing here, the code does not compile.

import type { Layer, LayerKind, LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';
import { activation } from './activation.ts';
import { add, concatenate, multiply, rescaling } from './arithmetic.ts';
import { batchNormalization } from './batch-normalization.ts';
import { convolution } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { layerNormalization } from './layer-normalization.ts';
import { onnx } from './onnx.ts';
import { maxPooling } from './max-pooling.ts';
import { averagePooling, globalAveragePooling, globalMaxPooling } from './pooling.ts';
import { prelu } from './prelu.ts';
import { cropping, permute, reshape, zeroPadding } from './shape.ts';

interface KindRule<L extends Layer> {
  readonly rule: Rule<L>;
  /** What the rule accepts besides plain pictures: pictures in blocks, or values in blocks and in any order of axes. */
  readonly takes?: 'blocks' | 'any';
}

const RULES = {
  conv2d: { rule: convolution, takes: 'any' },
  depthwiseConv2d: { rule: convolution, takes: 'any' },
  batchNormalization: { rule: batchNormalization, takes: 'blocks' },
  layerNormalization: { rule: layerNormalization, takes: 'any' },
  activation: { rule: activation, takes: 'any' },
  prelu: { rule: prelu },
  zeroPadding2d: { rule: zeroPadding, takes: 'any' },
  cropping2d: { rule: cropping, takes: 'any' },
  maxPooling2d: { rule: maxPooling, takes: 'blocks' },
  averagePooling2d: { rule: averagePooling, takes: 'blocks' },
  globalAveragePooling2d: { rule: globalAveragePooling, takes: 'blocks' },
  globalMaxPooling2d: { rule: globalMaxPooling },
  dense: { rule: dense, takes: 'any' },
  add: { rule: add, takes: 'any' },
  multiply: { rule: multiply, takes: 'blocks' },
  concatenate: { rule: concatenate, takes: 'blocks' },
  rescaling: { rule: rescaling, takes: 'any' },
  reshape: { rule: reshape, takes: 'any' },
  permute: { rule: permute, takes: 'any' },
  flatten: { rule: reshape, takes: 'any' },
  dropout: { rule: dropout },
  onnx: { rule: onnx },
} as const satisfies { readonly [K in Exclude<LayerKind, 'input'>]: KindRule<LayerOf<K>> };

/** The gradient rule of a learning layer, which can be any layer but the input. */
export function ruleOf(layer: Layer): KindRule<Layer> {
  if (layer.kind === 'input') throw new Error(`'${layer.name}' is an input, which has no gradient`);
  return RULES[layer.kind] as KindRule<Layer>;
}
