// pooling.ts: maxima and means over windows, and over whole pictures.

import type { LayerOf } from '../../../graph/layers.ts';
import { NCHW } from '../axes.ts';
import type { InferenceScope, Lowering, Value } from '../inference-scope.ts';
import { isSubsampledBy, poolingAttributes, windowOf, type Pooling, type Window } from '../windows.ts';

export const averagePooling: Lowering<LayerOf<'averagePooling2d'>> = (layer, scope) =>
  pooled('AveragePool', layer, layer.name, scope);

/** Where only every n-th maximum is used, one operator computes these alone. */
export const maxPooling: Lowering<LayerOf<'maxPooling2d'>> = (layer, scope) => {
  const next = scope.soleConsumer(layer, 'maxPooling2d');
  if (!next || !isSubsampledBy(layer, next)) return pooled('MaxPool', layer, layer.name, scope);
  const value = pooled('MaxPool', layer, next.name, scope, next.strides);
  scope.set(next.name, value);
  return value;
};

function pooled(
  op: string,
  layer: Pooling,
  name: string,
  scope: InferenceScope,
  strides: Window['strides'] = layer.strides,
): Value {
  const [from] = layer.inputs;
  const input = scope.nchw(from, 'keepPad');
  const window = { ...windowOf(layer, scope.shapeOf(from), input.pad), strides };
  const attributes = poolingAttributes(layer, window, input.pad);
  return { tensor: scope.emitFor(name, op, [input.tensor], attributes), axes: NCHW };
}

export const globalPooling =
  (op: string): Lowering<LayerOf<'globalAveragePooling2d' | 'globalMaxPooling2d'>> =>
  (layer, scope) => {
    const pooled = scope.emitter.emit(op, [scope.nchw(layer.inputs[0]).tensor]);
    return { tensor: scope.emitFor(layer.name, 'Flatten', [pooled], { axis: 1 }), axes: [0, 1] };
  };
