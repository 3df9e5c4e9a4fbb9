// activation.ts: activation functions. Pending work on their input is done in the same pass where the runtime can do that.

import type { LayerOf } from '../../../graph/layers.ts';
import { emitActivation, emitDerivative } from '../activations.ts';
import { scaledAndShifted, type FusedActivation } from '../blocked.ts';
import type { Rule, Step, Value } from '../step.ts';

export const activation: Rule<LayerOf<'activation'>> = (layer, [given], step) => {
  const { activation: name } = layer;
  const isFused = given.pending && (name === 'relu' || name === 'relu6');
  // A fused activation and the pending work are one pass over the picture.
  const x = name === 'softmax' ? step.plain(given) : isFused ? withoutPending(given) : step.settled(given);
  const channelAxis = step.channelAxis(x);
  const fused = (form: FusedActivation) =>
    scaledAndShifted(step.emitter, given.tensor, given.shape.at(-1)!, given.pending!, form);
  const y = isFused ? fused(name) : emitActivation(step.emitter, layer, x.tensor, { channelAxis });
  if (isFused && name === 'relu' && isOfJoined(layer, step)) step.canMakeAnew(y, () => fused('reluAnew'));
  return {
    output: { ...x, tensor: y },
    backward: (gradient) => {
      const { tensor: dy } = step.like(gradient, x);
      // Only this ReLU's zeros are meant: one that gets the same gradient further on has others.
      if (name === 'relu' && step.rectified.delete(dy)) return [{ ...x, tensor: dy }];
      const made = step.forGradient(y);
      const tensors = { x: x.tensor, y: x.blocked ? step.sized(made, x) : made, dy };
      return [{ ...x, tensor: emitDerivative(step.emitter, layer, tensors, channelAxis) }];
    },
  };
};

/**
 * Whether the layer activates a norm of joined channels. In a network that joins again and again (DenseNet) such outputs are most of
 * what a step would keep, and one pass makes them anew from the norm's input, which is kept as it is.
 */
function isOfJoined({ inputs: [from] }: LayerOf<'activation'>, { graph }: Step): boolean {
  const before = (name: string | undefined) => graph.layers.find((layer) => layer.name === name);
  const norm = before(from);
  return norm?.kind === 'batchNormalization' && before(norm.inputs[0])?.kind === 'concatenate';
}

function withoutPending({ pending: _, ...rest }: Value): Value {
  return rest;
}
