// dense.ts: dense layers, as Gemm, as MatMul, and as the 1x1 convolution of one place.

import { transpose } from '../../../../util/shape.ts';
import { foreignShape, withLast } from '../arrangement.ts';
import type { Call } from '../call.ts';
import { rowsAsTheyLie, type Network } from '../network.ts';
import { floatsOf, type Computed } from '../tensor.ts';
import type { Operator, Operators } from './operator.ts';

interface Matrix {
  readonly value: Computed;
  /** `[in, out]`, row-major. */
  readonly kernel: Float32Array;
  readonly units: number;
  readonly bias?: Float32Array | undefined;
}

/** y = x W + b over the last dimension. */
export function dense(call: Call, network: Network, { value, kernel, units, bias }: Matrix): Computed {
  const dim = value.dims.length - 1;
  const features = foreignShape(value)[dim]!;
  if (kernel.length !== features * units || units === 0) {
    throw call.unsupported(`of ${features} numbers with weights for ${kernel.length / units}`);
  }
  const isVector = value.dims.length === 1;
  const last = isVector ? value : network.channelsLast(value, dim, call.name);
  const from = isVector ? network.asVector(value, call.name) : last.layer;
  const layer = network.b.dense(from, network.free(call.name), units, { bias: bias !== undefined });
  const data = isVector ? rowsAsTheyLie(kernel, value, units) : kernel;
  network.setWeight(layer, 'kernel', { shape: [features, units], data });
  if (bias) network.setWeight(layer, 'bias', { shape: [units], data: bias });
  return isVector ? network.asLayer(layer, [0]) : { kind: 'computed', layer, ...withLast(last, dim, units) };
}

const scaled = (values: Float32Array, factor: number) =>
  factor === 1 ? values : values.map((value) => factor * value);

const gemm: Operator = (call, network) => {
  const weight = call.weight(1);
  if (call.flag('transA') || weight.shape.length !== 2 || call.computed().dims.length !== 1) {
    throw call.unsupported('of other than rows of numbers and a matrix');
  }
  const isTurned = call.flag('transB');
  const units = weight.shape[isTurned ? 0 : 1]!;
  const values = floatsOf(weight);
  const kernel = scaled(isTurned ? transpose(values, weight.shape, [1, 0]) : values, call.float('alpha', 1));
  const bias = biasOf(call, units);
  return dense(call, network, {
    value: call.computed(),
    kernel,
    units,
    bias: bias && scaled(bias, call.float('beta', 1)),
  });
};

/** A number for each unit, or one for all. */
function biasOf(call: Call, units: number): Float32Array | undefined {
  const constant = call.constant(2);
  if (!constant) return undefined;
  if (constant.values.length === 1) return new Float32Array(units).fill(call.floats(2)[0]!);
  if (constant.shape.at(-1) !== units) throw call.unsupported('with a number for each place');
  return call.perChannel(2, units);
}

const matMul: Operator = (call, network) => {
  if (call.inputs[0]?.kind === 'constant') throw call.unsupported('of a matrix and a computed tensor');
  if (call.inputs[1]?.kind === 'computed') throw call.unsupported('of two computed tensors');
  const weight = call.weight(1);
  if (weight.shape.length !== 2) throw call.unsupported('with several matrices');
  const units = weight.shape[1]!;
  return dense(call, network, {
    value: call.computed(),
    kernel: floatsOf(weight),
    units,
    bias: biasOf(call, units),
  });
};

export const DENSE: Operators = {
  Gemm: gemm,
  // MatMul and the bias that is added to it: spelled-out.ts.
  Linear: matMul,
  MatMul: matMul,
};
