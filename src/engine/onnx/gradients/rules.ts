// rules.ts: the gradient rule of every kind of layer. If a kind is missing here, the code does not compile.

import type { Layer, LayerKind, LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';
import { activation } from './activation.ts';
import { add, concatenate, multiply } from './arithmetic.ts';
import { batchNormalization } from './batch-normalization.ts';
import { convolution } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { averagePooling, globalAveragePooling, globalMaxPooling, maxPooling } from './pooling.ts';
import { reshape, zeroPadding } from './shape.ts';

interface KindRule<L extends Layer> {
  readonly rule: Rule<L>;
  /** Whether the rule accepts pictures in blocks. Other rules get plain pictures. */
  readonly takesBlocked?: true;
}

const RULES = {
  conv2d: { rule: convolution, takesBlocked: true },
  depthwiseConv2d: { rule: convolution, takesBlocked: true },
  batchNormalization: { rule: batchNormalization, takesBlocked: true },
  activation: { rule: activation, takesBlocked: true },
  zeroPadding2d: { rule: zeroPadding, takesBlocked: true },
  maxPooling2d: { rule: maxPooling, takesBlocked: true },
  averagePooling2d: { rule: averagePooling },
  globalAveragePooling2d: { rule: globalAveragePooling, takesBlocked: true },
  globalMaxPooling2d: { rule: globalMaxPooling },
  dense: { rule: dense },
  add: { rule: add, takesBlocked: true },
  multiply: { rule: multiply },
  concatenate: { rule: concatenate },
  reshape: { rule: reshape },
  flatten: { rule: reshape },
  dropout: { rule: dropout },
} as const satisfies { readonly [K in Exclude<LayerKind, 'input'>]: KindRule<LayerOf<K>> };

/** The gradient rule of a learning layer, which can be any layer but the input. */
export function ruleOf(layer: Layer): KindRule<Layer> {
  if (layer.kind === 'input') throw new Error(`'${layer.name}' is an input, which has no gradient`);
  return RULES[layer.kind] as KindRule<Layer>;
}
