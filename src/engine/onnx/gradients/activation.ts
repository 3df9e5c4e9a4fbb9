// activation.ts: activation functions: dx = dy f'(x), with f' written in what is already there, mostly the output y.

import type { LayerOf } from '../../../graph/layers.ts';
import { emitActivation } from '../activations.ts';
import { scaledAndShifted } from '../blocked.ts';
import type { Rule, Step, Value } from '../step.ts';

/** Larger than what makes any normal float above 1: times this and clipped to 0…1, "above zero" is 1 and the rest 0. */
const STEEP = 1e38;

/** 1 where x is above 0, else 0, in one pass and without booleans, which some devices lack. */
export function isPositive(step: Step, x: string): string {
  return step.emitter.emit('HardSigmoid', [x], { alpha: { float: STEEP }, beta: { float: 0 } });
}

export const activation: Rule<LayerOf<'activation'>> = (layer, [given], step) => {
  const { activation: name } = layer;
  const isFused = given.pending && (name === 'relu' || name === 'relu6');
  // What is pending and the activation are one pass over the picture.
  const x = name === 'softmax' ? step.plain(given) : isFused ? withoutPending(given) : step.settled(given);
  const y = isFused
    ? scaledAndShifted(step.emitter, given.tensor, given.shape.at(-1)!, given.pending, name)
    : emitActivation(step.emitter, layer, x.tensor, { channelAxis: step.channelAxis(x) });
  return {
    output: { ...x, tensor: y },
    backward: (gradient) => {
      const { tensor: dy } = x.blocked ? step.blocked(gradient) : step.plain(gradient);
      return [{ ...x, tensor: derivative(layer, { x, y, dy }, step) }];
    },
  };
};

function withoutPending({ pending: _, ...rest }: Value): Value {
  return rest;
}

interface Tensors {
  readonly x: Value;
  readonly y: string;
  readonly dy: string;
}

/** dy f'(x). At a kink the derivative is the one that PyTorch takes: 0 at the ends of a clipped range. */
function derivative(layer: LayerOf<'activation'>, { x, y, dy }: Tensors, step: Step): string {
  const e = step.emitter;
  const minus = (a: number, b: string) => e.sub(e.scalar(a), b);
  switch (layer.activation) {
    case 'linear':
      return dy;
    case 'relu':
      return e.mul(dy, isPositive(step, y));
    case 'relu6': // 0 < y < 6
      return e.mul(dy, isPositive(step, e.emit('Min', [y, minus(6, y)])));
    case 'sigmoid': // y (1 - y)
      return e.mul(dy, e.mul(y, minus(1, y)));
    case 'tanh': // 1 - y²
      return e.mul(dy, minus(1, e.mul(y, y)));
    case 'elu': // y + alpha below zero: there y = alpha (exp(x) - 1)
      return e.mul(dy, select(step, y, e.scalar(1), e.add(y, e.scalar(layer.alpha ?? 1))));
    case 'leakyRelu':
      return e.mul(dy, select(step, x.tensor, e.scalar(1), e.scalar(layer.alpha ?? 0.3)));
    case 'hardSigmoid':
      return e.scale(e.mul(dy, isPositive(step, e.mul(y, minus(1, y)))), 0.2);
    case 'hardSigmoidTorch':
      return e.scale(e.mul(dy, isPositive(step, e.mul(y, minus(1, y)))), 1 / 6);
    case 'softmax': // y (dy - Σ dy y): Bridle, 1990
      return e.mul(y, e.sub(dy, e.reduceSum(e.mul(dy, y), [step.channelAxis(x)], true)));
    case 'swish': {
      // s + x s (1 - s) = s + y (1 - s)
      const s = e.emit('Sigmoid', [x.tensor]);
      return e.mul(dy, e.add(s, e.mul(y, minus(1, s))));
    }
    case 'hardSwish': {
      // g + x g', g being the hard sigmoid of x
      const g = e.emit('HardSigmoid', [x.tensor], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
      const slope = e.scale(isPositive(step, e.mul(g, minus(1, g))), 1 / 6);
      return e.mul(dy, e.add(g, e.mul(x.tensor, slope)));
    }
    default:
      throw new Error(`no derivative for ${String(layer.activation satisfies never)}`);
  }
}

/** `above` where x is above 0, else `below`. */
function select(step: Step, x: string, above: string, below: string): string {
  const e = step.emitter;
  const positive = isPositive(step, x);
  return e.add(e.mul(positive, above), e.mul(e.sub(e.scalar(1), positive), below));
}
