// activations.ts: functions of each number by itself, and softmax over the channels.

import type { ActivationName } from '../../../../graph/layers.ts';
import type { Call } from '../call.ts';
import { floatsOf, scalarOf } from '../tensor.ts';
import type { Operator, Operators } from './operator.ts';

interface Activation {
  readonly activation: ActivationName;
  readonly alpha?: number;
}

/** Float32 and float16 hold a sixth with few digits. */
const isNear = (value: number | undefined, expected: number) =>
  value !== undefined && Math.abs(value - expected) <= 1e-3 * Math.abs(expected);

function clip(call: Call): Activation {
  const [low, high] = [call.floatAt(1, 'min') ?? -Infinity, call.floatAt(2, 'max') ?? Infinity];
  if (low === 0 && high === 6) return { activation: 'relu6' };
  // float32's largest number is no bound.
  if (low === 0 && high > 3e38) return { activation: 'relu' };
  if (low < -3e38 && high > 3e38) return { activation: 'linear' };
  throw call.unsupported(`to ${low}..${high}`);
}

function hardSigmoid(call: Call): Activation {
  const [alpha, beta] = [call.float('alpha', 0.2), call.float('beta', 0.5)];
  if (isNear(beta, 0.5) && isNear(alpha, 1 / 6)) return { activation: 'hardSigmoidTorch' };
  if (isNear(beta, 0.5) && isNear(alpha, 0.2)) return { activation: 'hardSigmoid' };
  throw call.unsupported(`of ${alpha} x + ${beta}`);
}

function gelu(call: Call): Activation {
  if (call.text('approximate', 'none') === 'none') return { activation: 'gelu' };
  throw call.unsupported('in its approximation by tanh');
}

function swish(call: Call): Activation {
  if (call.float('alpha', 1) === 1) return { activation: 'swish' };
  throw call.unsupported(`with alpha ${call.float('alpha', 1)}`);
}

/** One entry an operator: how its activation is called here. */
const ACTIVATIONS: Readonly<Record<string, (call: Call) => Activation>> = {
  Clip: clip,
  Elu: (call) => ({ activation: 'elu', alpha: call.float('alpha', 1) }),
  Gelu: gelu,
  HardSigmoid: hardSigmoid,
  HardSwish: () => ({ activation: 'hardSwish' }),
  LeakyRelu: (call) => ({ activation: 'leakyRelu', alpha: call.float('alpha', 0.01) }),
  Relu: () => ({ activation: 'relu' }),
  Sigmoid: () => ({ activation: 'sigmoid' }),
  Swish: swish,
  Tanh: () => ({ activation: 'tanh' }),
};

const activated =
  (named: (call: Call) => Activation): Operator =>
  (call, network) => {
    const value = call.computed();
    const found = named(call);
    if (found.activation === 'linear') return value;
    const layer = network.b.layer({ kind: 'activation', name: network.free(call.name), inputs: [value.layer], ...found }); // prettier-ignore
    return { ...value, layer };
  };

const softmax: Operator = (call, network) => {
  const value = call.computed();
  // Before opset 13 the axis says where the row of numbers begins.
  const dim = call.dim(call.int('axis', call.opset < 13 ? 1 : -1), value);
  const isRow = call.opset >= 13 || value.dims.every((axes, i) => i <= dim || axes.length === 0);
  if (!isRow) throw call.unsupported('over several axes');
  const from = network.channelsLast(value, dim, call.name);
  const layer = network.b.activation(from.layer, network.free(call.name), 'softmax');
  return { ...from, layer };
};

const prelu: Operator = (call, network) => {
  const slopes = call.weight(1);
  const value = call.computed();
  const shared = scalarOf(slopes) !== undefined;
  const from = shared ? value : network.channelsLast(value, call.dim(1, value), call.name);
  const shape = network.shapeOf(from.layer);
  const channels = shape.at(-1)!;
  // One for each channel is [C,1,1] beside [N,C,H,W].
  const isEach = slopes.shape.length === value.dims.length && slopes.shape[0] === channels && slopes.values.length === channels; // prettier-ignore
  if (!shared && !isEach) throw call.unsupported('with a slope for each place');
  const sharedAxes = shape.map((_, axis) => axis + 1).slice(0, shared ? undefined : -1);
  const layer = network.b.layer({ kind: 'prelu', name: network.free(call.name), inputs: [from.layer], sharedAxes }); // prettier-ignore
  const alpha = shape.map((size, axis) => (sharedAxes.includes(axis + 1) ? 1 : size));
  network.setWeight(layer, 'alpha', { shape: alpha, data: floatsOf(slopes) });
  return { ...from, layer };
};

export const ACTIVATED: Operators = {
  ...Object.fromEntries(Object.entries(ACTIVATIONS).map(([op, named]) => [op, activated(named)])),
  PRelu: prelu,
  Softmax: softmax,
};
