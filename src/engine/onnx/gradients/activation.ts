// activation.ts: activation functions. Pending work on their input is done in the same pass where the runtime can do that.

import type { LayerOf } from '../../../graph/layers.ts';
import { emitActivation, emitDerivative } from '../activations.ts';
import { scaledAndShifted } from '../blocked.ts';
import type { Rule, Value } from '../step.ts';

export const activation: Rule<LayerOf<'activation'>> = (layer, [given], step) => {
  const { activation: name } = layer;
  const isFused = given.pending && (name === 'relu' || name === 'relu6');
  // A fused activation and the pending work are one pass over the picture.
  const x = name === 'softmax' ? step.plain(given) : isFused ? withoutPending(given) : step.settled(given);
  const channelAxis = step.channelAxis(x);
  const y = isFused
    ? scaledAndShifted(step.emitter, given.tensor, given.shape.at(-1)!, given.pending, name)
    : emitActivation(step.emitter, layer, x.tensor, { channelAxis });
  return {
    output: { ...x, tensor: y },
    backward: (gradient) => {
      const { tensor: dy } = step.like(gradient, x);
      const tensors = { x: x.tensor, y, dy };
      return [{ ...x, tensor: emitDerivative(step.emitter, layer, tensors, channelAxis) }];
    },
  };
};

function withoutPending({ pending: _, ...rest }: Value): Value {
  return rest;
}
