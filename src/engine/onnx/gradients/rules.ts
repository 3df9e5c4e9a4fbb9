// rules.ts: the gradient rule of every layer kind that has one.

import type { Layer, LayerOf } from '../../../graph/layers.ts';
import { AppError } from '../../../util/errors.ts';
import type { Rule } from '../step.ts';
import { activation } from './activation.ts';
import { add, concatenate, multiply } from './arithmetic.ts';
import { batchNormalization } from './batch-normalization.ts';
import { convolution } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { averagePooling, globalAveragePooling, globalMaxPooling, maxPooling } from './pooling.ts';
import { reshape, zeroPadding } from './shape.ts';

type Kind = Exclude<Layer['kind'], 'input'>;

const RULES = {
  conv2d: convolution,
  depthwiseConv2d: convolution,
  batchNormalization,
  activation,
  zeroPadding2d: zeroPadding,
  maxPooling2d: maxPooling,
  averagePooling2d: averagePooling,
  globalAveragePooling2d: globalAveragePooling,
  globalMaxPooling2d: globalMaxPooling,
  dense,
  add,
  multiply,
  concatenate,
  reshape,
  flatten: reshape,
  dropout,
} as const satisfies { readonly [K in Kind]: Rule<LayerOf<K>> };

/** @throws AppError MODEL_UNSUPPORTED, naming the layer and its kind */
export function ruleFor(layer: Layer): Rule<Layer> {
  const rule = Object.hasOwn(RULES, layer.kind) ? RULES[layer.kind as Kind] : undefined;
  if (!rule) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `layer '${layer.name}' cannot be trained: there is no gradient for the kind '${layer.kind}'. ` +
        'Train only what comes after it: --train-from LAYER',
    );
  }
  return rule as Rule<Layer>;
}

/** Kinds whose rules know blocked pictures. */
export const TAKES_BLOCKED: ReadonlySet<Layer['kind']> = new Set<Kind>([
  'conv2d',
  'depthwiseConv2d',
  'batchNormalization',
  'activation',
  'add',
  'maxPooling2d',
  'globalAveragePooling2d',
  'zeroPadding2d',
]);
