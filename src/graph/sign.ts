// sign.ts: which layers never put out a number below zero. Zeros around such a picture change none of its maxima.

import { kindOf } from './kinds/kinds.ts';
import type { ActivationName, Layer } from './layers.ts';

const NON_NEGATIVE: ReadonlySet<ActivationName> = new Set<ActivationName>([
  'relu',
  'relu6',
  'sigmoid',
  'softmax',
  'hardSigmoid',
  'hardSigmoidTorch',
]);

/** Their names. @param layers in an order in which every layer comes after its inputs */
export function nonNegativeLayers(layers: readonly Layer[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const layer of layers) {
    const isActivated = layer.kind === 'activation' && NON_NEGATIVE.has(layer.activation);
    const isKept = kindOf(layer).keepsSign === true && layer.inputs.every((name) => found.has(name));
    if (isActivated || isKept) found.add(layer.name);
  }
  return found;
}
