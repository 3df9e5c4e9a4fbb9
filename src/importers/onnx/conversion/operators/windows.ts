// windows.ts: convolutions and poolings: windows that slide over pictures, with ONNX's ways to say how they meet the border.

import type { Padding2d, Size2d } from '../../../../graph/layers.ts';
import { elementCount, sameShape, transpose } from '../../../../util/shape.ts';
import type { Call } from '../call.ts';
import { lastOf, type Network } from '../network.ts';
import { floatsOf, type Computed } from '../tensor.ts';
import { dense } from './dense.ts';
import type { Operator, Operators } from './operator.ts';

const NONE: Padding2d = { top: 0, bottom: 0, left: 0, right: 0 };

/** Rows, columns, channels of a picture [N,C,H,W]. */
const ROWS_FIRST = [1, 2, 0];

function pictureOf(call: Call, network: Network): string {
  const value = call.computed();
  if (value.dims.length !== 3) throw call.unsupported(`in ${value.dims.length - 1} dimensions`);
  return network.asPicture(value, ROWS_FIRST, call.name);
}

function pair(call: Call, name: string, otherwise: Size2d): Size2d {
  const given = call.ints(name) ?? otherwise;
  if (given.length === 2 && given.every((size) => size > 0)) return given as Size2d;
  throw call.unsupported(`in ${given.length} dimensions`);
}

/** Zeros on each side, or TensorFlow's rule. */
function padOf(call: Call): Padding2d | 'same' {
  const auto = call.text('auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER') return 'same';
  if (auto === 'VALID') return NONE;
  if (auto !== 'NOTSET') throw call.unsupported(`with auto_pad ${auto.slice(0, 20)}`);
  const [top, left, bottom, right] = call.ints('pads') ?? [0, 0, 0, 0];
  const pad = { top, left, bottom, right };
  if (Object.values(pad).every((size) => size !== undefined && size >= 0)) return pad as Padding2d;
  throw call.unsupported('with pads below zero');
}

const isNone = (pad: Padding2d | 'same') => pad !== 'same' && Object.values(pad).every((size) => size === 0);

const conv: Operator = (call, network) => {
  const weight = call.weight(1);
  if (weight.shape.length !== 4) throw call.unsupported(`in ${weight.shape.length - 2} dimensions`);
  const [filters, depth, height, width] = weight.shape as readonly [number, number, number, number];
  const groups = call.int('group', 1);
  if (isOfOnePlace(call, height * width * groups)) return densePlace(call, network);
  const from = pictureOf(call, network);
  const channels = network.shapeOf(from)[2]!;
  if (channels !== groups * depth || filters % groups !== 0 || elementCount(weight.shape) === 0) {
    throw call.unsupported(`of ${channels} channels with weights for ${groups * depth}`);
  }
  const bias = call.constant(2);
  const options = {
    kernel: [height, width] as const,
    stride: pair(call, 'strides', [1, 1]),
    dilation: pair(call, 'dilations', [1, 1]),
    pad: padOf(call),
    bias: bias !== undefined,
  };
  const name = network.free(call.name);
  const values = floatsOf(weight);
  if (groups === channels && groups > 1) {
    const multiplier = filters / groups;
    network.b.depthwiseConv2d(from, name, { ...options, multiplier });
    // [C·M,1,H,W] -> HWCM
    const data = transpose(values, [channels, multiplier, height, width], [2, 3, 0, 1]);
    network.setWeight(name, 'depthwise_kernel', { shape: [height, width, channels, multiplier], data });
  } else {
    network.b.conv2d(from, name, { ...options, filters, groups });
    // OIHW -> HWIO
    const data = transpose(values, weight.shape, [2, 3, 1, 0]);
    network.setWeight(name, 'kernel', { shape: [height, width, depth, filters], data });
  }
  if (bias) network.setWeight(name, 'bias', { shape: [filters], data: call.perChannel(2, filters) });
  return network.asLayer(name, ROWS_FIRST);
};

/** A 1x1 convolution of a picture of one place: a gate's, or a classifier behind the mean. */
function isOfOnePlace(call: Call, kernel: number): boolean {
  const value = call.computed();
  const pad = padOf(call);
  return kernel === 1 && value.dims.length === 3 && value.dims[0]!.length === value.sizes.length && (pad === 'same' || isNone(pad)); // prettier-ignore
}

function densePlace(call: Call, network: Network): Computed {
  const weight = call.weight(1);
  const [units, depth] = weight.shape as readonly [number, number];
  const value = call.computed();
  const kernel = transpose(floatsOf(weight), [units, depth], [1, 0]);
  const bias = call.constant(2) && call.perChannel(2, units);
  const row = dense(call, network, { value: { ...value, dims: [value.dims[0]!] }, kernel, units, bias });
  return { ...row, dims: [row.dims[0]!, [], []] };
}

function refuseDilation(call: Call): void {
  if (!sameShape(pair(call, 'dilations', [1, 1]), [1, 1])) throw call.unsupported('with dilation');
}

const maxPool: Operator = (call, network) => {
  if ((call.node.outputs[1] ?? '') !== '') throw call.unsupported('that puts out places');
  refuseDilation(call);
  const from = pictureOf(call, network);
  const layer = network.b.maxPooling2d(from, network.free(call.name), {
    kernel: pair(call, 'kernel_shape', [1, 1]),
    stride: pair(call, 'strides', [1, 1]),
    pad: padOf(call),
    ceil: call.flag('ceil_mode'),
  });
  return network.asLayer(layer, ROWS_FIRST);
};

const averagePool: Operator = (call, network) => {
  refuseDilation(call);
  const [kernel, stride] = [pair(call, 'kernel_shape', [1, 1]), pair(call, 'strides', [1, 1])];
  const pad = padOf(call);
  const from = pictureOf(call, network);
  const [height, width] = network.shapeOf(from) as readonly [number, number, number];
  if (isNone(pad) && sameShape(kernel, [height, width]))
    return meanOf(call.computed(), [1, 2], call, network);
  const name = network.free(call.name);
  const rest = [height - kernel[0], width - kernel[1]].map((size, axis) => size % stride[axis]!);
  // A last window that lies within the picture is there without ceil_mode too.
  if (call.flag('ceil_mode') && (!isNone(pad) || rest.some((size) => size !== 0))) {
    throw call.unsupported('with ceil_mode');
  }
  if (call.flag('count_include_pad') || isNone(pad)) {
    if (pad === 'same') throw call.unsupported('that counts the zeros of SAME_UPPER');
    network.b.averagePooling2d(from, name, { kernel, stride, pad });
  } else if (pad === 'same' || (isCentred(pad, kernel) && sameShape(stride, [1, 1]))) {
    // TensorFlow's zeros are not counted.
    network.b.averagePooling2d(from, name, { kernel, stride, pad: 'same' });
  } else {
    throw call.unsupported('that leaves out the zeros of its pads');
  }
  return network.asLayer(name, ROWS_FIRST);
};

const isCentred = ({ top, bottom, left, right }: Padding2d, [height, width]: Size2d) =>
  [top, bottom].every((size) => 2 * size + 1 === height) &&
  [left, right].every((size) => 2 * size + 1 === width);

type Pooled = 'globalAveragePooling2d' | 'globalMaxPooling2d';

/** The mean, or the largest, of each channel over the other dimensions, which stay with the size 1. */
function meanOf(
  value: Computed,
  over: readonly number[],
  call: Call,
  network: Network,
  kind: Pooled = 'globalAveragePooling2d',
): Computed {
  const rest = [...value.dims.keys()].filter((dim) => !over.includes(dim));
  const channels = rest.find((dim) => value.dims[dim]!.length > 0) ?? rest[0];
  if (channels === undefined || value.dims.length > 3 || rest.some((dim) => dim !== channels && value.dims[dim]!.length > 0)) {
    throw call.unsupported('over other axes than rows and columns');
  } // prettier-ignore
  const from = network.asPicture(value, lastOf(value, channels), call.name);
  const layer = network.b.layer({ kind, name: network.free(call.name), inputs: [from] });
  return network.asLayer(layer, [channels], value.dims.length);
}

const global =
  (kind: Pooled): Operator =>
  (call, network) => {
    const value = call.computed();
    if (value.dims.length !== 3) throw call.unsupported(`in ${value.dims.length - 1} dimensions`);
    return meanOf(value, [1, 2], call, network, kind);
  };

const reduced =
  (kind: Pooled): Operator =>
  (call, network) => {
    const value = call.computed();
    const axes = call.intsAt(1, 'axes');
    if (!axes || axes.length === 0) throw call.unsupported('over the batch');
    const over = axes.map((axis) => call.dim(axis, value));
    const mean = meanOf(value, over, call, network, kind);
    if (call.flag('keepdims', true)) return mean;
    return { ...mean, dims: mean.dims.filter((_, dim) => !over.includes(dim)) };
  };

export const WINDOWS: Operators = {
  Conv: conv,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: global('globalAveragePooling2d'),
  GlobalMaxPool: global('globalMaxPooling2d'),
  ReduceMean: reduced('globalAveragePooling2d'),
  ReduceMax: reduced('globalMaxPooling2d'),
};
