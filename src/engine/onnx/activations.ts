// activations.ts: each activation function as onnx operators, with its derivative. The lowering for inference and the one for
// training both use it.

import type { ActivationName, LayerOf } from '../../graph/layers.ts';
import type { Emitter } from './emitter.ts';

interface Options {
  /** The axis that a softmax runs over. */
  readonly channelAxis: number;
  /** The output's name, when other code refers to it. */
  readonly name?: string;
}

interface Operators {
  /** `last` emits the operator whose output is y, under the requested name. */
  forward(x: string, tools: Tools & { readonly last: Emitter['emit'] }): string;
  /**
   * dx = dy f'(x), computed from tensors that exist already, mostly y. At a kink the derivative is the same as in PyTorch: 0 at
   * the ends of a clipped range.
   */
  backward(tensors: Tensors, tools: Tools): string;
}

interface Tools {
  readonly e: Emitter;
  readonly alpha: number | undefined;
  readonly channelAxis: number;
}

interface Tensors {
  readonly x: string;
  readonly y: string;
  readonly dy: string;
}

/** The output of an activation layer for `input`. */
export function emitActivation(
  e: Emitter,
  { activation, alpha }: LayerOf<'activation'>,
  input: string,
  { channelAxis, ...placement }: Options,
): string {
  const last: Emitter['emit'] = (op, inputs, attributes) => e.emit(op, inputs, attributes, placement);
  return OPERATORS[activation].forward(input, { e, last, alpha, channelAxis });
}

/** The gradient of an activation layer's input. */
export function emitDerivative(
  e: Emitter,
  { activation, alpha }: LayerOf<'activation'>,
  tensors: Tensors,
  channelAxis: number,
): string {
  return OPERATORS[activation].backward(tensors, { e, alpha, channelAxis });
}

const HARD_SIGMOID = { alpha: { float: 0.2 }, beta: { float: 0.5 } } as const;
const HARD_SIGMOID_TORCH = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } } as const;

const OPERATORS = {
  linear: {
    forward: (x) => x,
    backward: ({ dy }) => dy,
  },
  relu: {
    forward: (x, { last }) => last('Relu', [x]),
    backward: ({ y, dy }, { e }) => e.mul(dy, isPositive(e, y)),
  },
  relu6: {
    forward: (x, { e, last }) => last('Clip', [x, e.scalar(0), e.scalar(6)]),
    backward: ({ y, dy }, { e }) => e.mul(dy, isPositive(e, e.emit('Min', [y, minus(e, 6, y)]))), // 0 < y < 6
  },
  sigmoid: {
    forward: (x, { last }) => last('Sigmoid', [x]),
    backward: ({ y, dy }, { e }) => e.mul(dy, e.mul(y, minus(e, 1, y))), // y (1 - y)
  },
  tanh: {
    forward: (x, { last }) => last('Tanh', [x]),
    backward: ({ y, dy }, { e }) => e.mul(dy, minus(e, 1, e.mul(y, y))), // 1 - y²
  },
  elu: {
    forward: (x, { last, alpha = 1 }) => last('Elu', [x], { alpha: { float: alpha } }),
    // Below zero the derivative is y + alpha, because y = alpha (exp(x) - 1) there.
    backward: ({ y, dy }, { e, alpha = 1 }) =>
      e.mul(dy, whereAbove(e, y, e.scalar(1), e.add(y, e.scalar(alpha)))),
  },
  leakyRelu: {
    forward: (x, { last, alpha = 0.3 }) => last('LeakyRelu', [x], { alpha: { float: alpha } }),
    backward: ({ x, dy }, { e, alpha = 0.3 }) => e.mul(dy, whereAbove(e, x, e.scalar(1), e.scalar(alpha))),
  },
  hardSigmoid: {
    forward: (x, { last }) => last('HardSigmoid', [x], HARD_SIGMOID),
    backward: ({ y, dy }, { e }) => e.scale(e.mul(dy, isInside(e, y)), 0.2),
  },
  hardSigmoidTorch: {
    forward: (x, { last }) => last('HardSigmoid', [x], HARD_SIGMOID_TORCH),
    backward: ({ y, dy }, { e }) => e.scale(e.mul(dy, isInside(e, y)), 1 / 6),
  },
  softmax: {
    forward: (x, { last, channelAxis }) => last('Softmax', [x], { axis: channelAxis }),
    // y (dy - Σ dy y): Bridle, 1990
    backward: ({ y, dy }, { e, channelAxis }) =>
      e.mul(y, e.sub(dy, e.reduceSum(e.mul(dy, y), [channelAxis], true))),
  },
  swish: {
    forward: (x, { e, last }) => last('Mul', [x, e.emit('Sigmoid', [x])]),
    backward({ x, y, dy }, { e }) {
      // s + x s (1 - s) = s + y (1 - s)
      const s = e.emit('Sigmoid', [x]);
      return e.mul(dy, e.add(s, e.mul(y, minus(e, 1, s))));
    },
  },
  // Hendrycks and Gimpel, Gaussian Error Linear Units, 2016
  gelu: {
    // x (1 + erf(x / sqrt(2))) / 2, in the form that onnxruntime makes one operator of.
    forward(x, { e, last }) {
      const error = e.emit('Erf', [e.div(x, e.scalar(Math.SQRT2))]);
      return last('Mul', [e.mul(x, e.add(error, e.scalar(1))), e.scalar(0.5)]);
    },
    // share + x density. With u = -x / sqrt(2) nothing here is equal to a tensor of the forward pass, which would be kept for it:
    // x alone is kept. share = 1/2 - erf(u) / 2, x density = -u exp(-u²) / sqrt(pi).
    backward({ x, dy }, { e }) {
      const u = e.scale(x, -Math.SQRT1_2);
      const share = e.emit('HardSigmoid', [e.emit('Erf', [u])], {
        alpha: { float: -0.5 },
        beta: { float: 0.5 },
      });
      const bell = e.emit('Exp', [e.emit('Neg', [e.mul(u, u)])]);
      return e.mul(dy, e.sub(share, e.scale(e.mul(u, bell), 1 / Math.sqrt(Math.PI))));
    },
  },
  hardSwish: {
    forward: (x, { e, last }) => last('Mul', [x, e.emit('HardSigmoid', [x], HARD_SIGMOID_TORCH)]),
    backward({ x, dy }, { e }) {
      // g + x g', g being the hard sigmoid of x
      const g = e.emit('HardSigmoid', [x], HARD_SIGMOID_TORCH);
      return e.mul(dy, e.add(g, e.mul(x, e.scale(isInside(e, g), 1 / 6))));
    },
  },
} as const satisfies Readonly<Record<ActivationName, Operators>>;

const minus = (e: Emitter, a: number, b: string) => e.sub(e.scalar(a), b);

/** Any normal float above 0 times this is above 1. Clipped to 0…1, the product is 1 for floats above 0, and 0 for the rest. */
export const STEEP = 1e38;

/** 1 where x is above 0, else 0, in one pass and without booleans, which some devices lack. */
export function isPositive(e: Emitter, x: string): string {
  return e.emit('HardSigmoid', [x], { alpha: { float: STEEP }, beta: { float: 0 } });
}

/** 1 where 0 < y < 1, else 0. */
function isInside(e: Emitter, y: string): string {
  return isPositive(e, e.mul(y, minus(e, 1, y)));
}

/** `above` where x is above 0, else `below`. */
function whereAbove(e: Emitter, x: string, above: string, below: string): string {
  const positive = isPositive(e, x);
  return e.add(e.mul(positive, above), e.mul(e.sub(e.scalar(1), positive), below));
}
