// arithmetic.ts: sums and products: of two values, or of a value and constants, which are rescaling or, one a channel, a depthwise
// convolution of one place.

import { foreignShape } from '../arrangement.ts';
import type { Call } from '../call.ts';
import { asItLies, type Network } from '../network.ts';
import { floatsOf, scalarOf, type Computed, type Constant } from '../tensor.ts';
import type { Operator, Operators } from './operator.ts';

/** scale x + offset, each a number, or one for each channel. */
interface Affine {
  readonly scale?: Float32Array;
  readonly offset?: Float32Array;
}

/** What an operator makes of a value and numbers. */
type WithNumbers = (numbers: Float32Array, isFirst: boolean, call: Call) => Affine;

const negative = (numbers: Float32Array) => numbers.map((value) => -value);
const minusOnes = (numbers: Float32Array) => numbers.map(() => -1);

const ADDED: WithNumbers = (offset) => ({ offset });
const MULTIPLIED: WithNumbers = (scale) => ({ scale });
const SUBTRACTED: WithNumbers = (numbers, isFirst) =>
  isFirst ? { scale: minusOnes(numbers), offset: numbers } : { offset: negative(numbers) };
const DIVIDED: WithNumbers = (numbers, isFirst, call) => {
  if (isFirst) throw call.unsupported('by a computed tensor');
  return { scale: numbers.map((value) => 1 / value) };
};

function withConstant(call: Call, network: Network, rule: WithNumbers): Computed {
  const isFirst = call.inputs[0]?.kind === 'constant';
  const value = call.computed(isFirst ? 1 : 0);
  const constant = call.weight(isFirst ? 0 : 1);
  const affine = rule(floatsOf(constant), isFirst, call);
  if (scalarOf(constant) !== undefined && constant.shape.length <= value.dims.length + 1) {
    const [scale, offset] = [affine.scale?.[0] ?? 1, affine.offset?.[0] ?? 0];
    return { ...value, layer: network.b.rescaling(value.layer, network.free(call.name), scale, offset) };
  }
  return perChannel(call, network, { value, dim: channelsOf(call, constant, value), affine });
}

/** The dimension of a value that a constant has a number for each place of. */
export function channelsOf(call: Call, { shape }: Constant, value: Computed): number {
  const rank = value.dims.length;
  const missing = rank + 1 - shape.length;
  const long = shape.flatMap((size, axis) => (size === 1 ? [] : [axis + missing - 1]));
  const [dim] = long;
  const fits = dim !== undefined && dim >= 0 && missing >= 0 && long.length === 1;
  if (fits && foreignShape(value)[dim] === shape[dim + 1 - missing]) return dim;
  throw call.unsupported('of a number for each place');
}

function perChannel(
  call: Call,
  network: Network,
  { value, dim, affine: { scale, offset } }: { readonly value: Computed; readonly dim: number; readonly affine: Affine }, // prettier-ignore
): Computed {
  const last = network.channelsLast(value, dim, call.name);
  const from = network.asPlaces(last, call.name);
  const channels = network.shapeOf(from)[2]!;
  const layer = network.b.depthwiseConv2d(from, network.free(call.name), { kernel: 1, bias: offset !== undefined }); // prettier-ignore
  const kernel = scale ?? new Float32Array(channels).fill(1);
  network.setWeight(layer, 'depthwise_kernel', { shape: [1, 1, channels, 1], data: kernel });
  if (offset) network.setWeight(layer, 'bias', { shape: [channels], data: offset });
  return { ...last, layer };
}

type Join = (call: Call, network: Network, layers: readonly [string, string]) => string;

const added: Join = ({ name }, network, layers) => network.b.add(network.free(name), ...layers);
const multiplied: Join = ({ name }, network, layers) => network.b.multiply(network.free(name), ...layers);
const subtracted: Join = ({ name }, network, [from, what]) => {
  const negated = network.b.rescaling(what, network.free(`${name}.negative`), -1);
  return network.b.add(network.free(name), from, negated);
};
const divided: Join = (call) => {
  throw call.unsupported('by a computed tensor');
};

function joined(call: Call, network: Network, join: Join): Computed {
  const [a, b] = [call.computed(0), call.computed(1)];
  const isAlike =
    String(network.shapeOf(a.layer)) === String(network.shapeOf(b.layer)) &&
    JSON.stringify([a.sizes, a.dims]) === JSON.stringify([b.sizes, b.dims]);
  if (isAlike) return { ...a, layer: join(call, network, [a.layer, b.layer]) };
  if (a.dims.length === 0) throw call.unsupported('of numbers without axes behind the batch');
  if (a.dims.length !== b.dims.length) throw call.unsupported('of tensors with different numbers of axes');
  const order = asItLies(a.sizes.length >= b.sizes.length ? a : b);
  const layers = [a, b].map((value) => network.inOrder(value, order, call.name).layer) as unknown as readonly [string, string]; // prettier-ignore
  return network.asLayer(join(call, network, layers), order);
}

const arithmetic =
  (rule: WithNumbers, join: Join): Operator =>
  (call, network) =>
    call.inputs.some((input) => input?.kind === 'constant')
      ? withConstant(call, network, rule)
      : joined(call, network, join);

export const ARITHMETIC: Operators = {
  Add: arithmetic(ADDED, added),
  Div: arithmetic(DIVIDED, divided),
  Mul: arithmetic(MULTIPLIED, multiplied),
  Sub: arithmetic(SUBTRACTED, subtracted),
};
