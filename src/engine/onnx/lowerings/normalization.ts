// normalization.ts: a batch norm that cannot be folded into a convolution before it.

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
