// normalization.ts: a batch norm that cannot be folded into a convolution before it, and layer norm.

import type { LayerOf } from '../../../graph/layers.ts';
import { weightOf } from '../../weights.ts';
import type { Lowering } from '../inference-scope.ts';

export const batchNormalization: Lowering<LayerOf<'batchNormalization'>> = (layer, scope) => {
  const input = scope.channelsSecond(layer.inputs[0]);
  const channels = scope.shapeOf(layer.name).at(-1)!;
  const constant = (
    role: 'gamma' | 'beta' | 'moving_mean' | 'moving_variance',
    present: boolean,
    otherwise: number,
  ) =>
    scope.emitter.floats(
      [channels],
      present
        ? weightOf(scope.model.weights, layer, role).data
        : Array.from({ length: channels }, () => otherwise),
    );
  const operands = [
    input.tensor,
    constant('gamma', layer.scale, 1),
    constant('beta', layer.center, 0),
    constant('moving_mean', true, 0),
    constant('moving_variance', true, 1),
  ];
  const tensor = scope.emitFor(layer.name, 'BatchNormalization', operands, {
    epsilon: { float: layer.epsilon },
  });
  return { ...input, tensor };
};

/** The operator's channels are last. */
export const layerNormalization: Lowering<LayerOf<'layerNormalization'>> = (layer, scope) => {
  const input = scope.channelsLast(layer.inputs[0]);
  const { epsilon, scale, center, name } = layer;
  const constant = (role: 'gamma' | 'beta', otherwise: number, isThere: boolean) => {
    const channels = scope.shapeOf(name).at(-1)!;
    const data = isThere ? weightOf(scope.model.weights, layer, role).data : new Float32Array(channels).fill(otherwise); // prettier-ignore
    return scope.emitter.floats([channels], data);
  };
  const operands = [
    input.tensor,
    constant('gamma', 1, scale),
    ...(center ? [constant('beta', 0, true)] : []),
  ];
  const attributes = { axis: -1, epsilon: { float: epsilon } };
  return { ...input, tensor: scope.emitFor(name, 'LayerNormalization', operands, attributes) };
};
