// graph-view.ts: a foreign network seen as a graph: which node makes a tensor, which nodes take it, and which tensors are constants.

import { numbersOf, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../formats/onnx-model.ts';
import { sameShape, transpose, type Shape } from '../../util/shape.ts';
import { attribute } from './attributes.ts';

export interface GraphView {
  readonly model: OnnxModel;
  /** The node that makes a tensor. */
  readonly producers: ReadonlyMap<string, OnnxNode>;
  readonly consumers: ReadonlyMap<string, readonly OnnxNode[]>;
}

export interface Constant {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export function graphView(model: OnnxModel): GraphView {
  const producers = new Map<string, OnnxNode>();
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of model.nodes) {
    for (const name of node.outputs) producers.set(name, node);
    for (const name of new Set(node.inputs)) {
      const known = consumers.get(name);
      if (known) known.push(node);
      else consumers.set(name, [node]);
    }
  }
  return { model, producers, consumers };
}

/** The most nodes that are followed along a chain; no network is as deep. */
const MAX_STEPS = 10_000;
/** Nodes that move a weight before it is used: exporters write one or two, and each takes as long as the weight is large. */
const MAX_MOVES = 8;

/** A constant of floating-point numbers: a weight, also behind nodes that only move it. */
export function constantOf(view: GraphView, name: string, moves = 0): Constant | undefined {
  const tensor = view.model.initializers.get(name);
  if (tensor) return floatsOf(tensor);
  const node = view.producers.get(name);
  if (!node || moves === MAX_MOVES) return undefined;
  if (node.op === 'Constant') {
    const value = attribute.tensor(node, 'value');
    return value && floatsOf(value);
  }
  const before = () => constantOf(view, node.inputs[0] ?? '', moves + 1);
  if (node.op === 'Identity') return before();
  if (node.op !== 'Transpose') return undefined;
  const moved = before();
  const perm = attribute.ints(node, 'perm') ?? moved?.shape.map((_, axis) => moved.shape.length - 1 - axis);
  if (!moved || perm?.length !== moved.shape.length || moved.shape.some((_, axis) => !perm.includes(axis))) return undefined; // prettier-ignore
  return { shape: perm.map((axis) => moved.shape[axis]!), data: transpose(moved.data, moved.shape, perm) };
}

function floatsOf(tensor: OnnxTensor): Constant | undefined {
  if (tensor.type !== 'float32' && tensor.type !== 'float16') return undefined;
  return { shape: tensor.shape, data: Float32Array.from(numbersOf(tensor)!) };
}

/** Nodes that leave the channels of a picture where they are. */
const KEEPS_CHANNELS: ReadonlySet<string> = new Set(
  ['Identity', 'Cast', 'Sub', 'Add', 'Mul', 'Div', 'Pad', 'Clip', 'BatchNormalization', 'Dropout', 'QuantizeLinear', 'DequantizeLinear'],
); // prettier-ignore

export interface Channels {
  readonly layout: 'NCHW' | 'NHWC';
  readonly channels: number | undefined;
}

/** Which axis of a picture are its channels, and how many there are, told from the first convolution that it comes to. */
export function channelsOf(view: GraphView, picture: string): Channels | undefined {
  let name = picture;
  let layout: Channels['layout'] = 'NCHW';
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const node = view.consumers.get(name)?.[0];
    if (!node) return undefined;
    if (node.op === 'Conv') {
      const kernel = view.model.initializers.get(node.inputs[1] ?? '');
      const groups = attribute.int(node, 'group') ?? 1;
      return { layout, channels: kernel && kernel.shape[1]! * groups };
    }
    const isToNchw = node.op === 'Transpose' && sameShape(attribute.ints(node, 'perm') ?? [], [0, 3, 1, 2]);
    if (isToNchw) layout = 'NHWC';
    else if (!KEEPS_CHANNELS.has(node.op)) return undefined;
    name = node.outputs[0] ?? '';
  }
  return undefined;
}

/** Nodes that keep `[N,C,H,W]` in this order. */
const KEEPS_PICTURE: ReadonlySet<string> = new Set(
  [...KEEPS_CHANNELS, 'Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Celu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Softplus', 'Softsign', 'Erf', 'Gelu', 'Mish', 'Concat', 'Resize', 'Pow', 'Sqrt', 'Exp'],
); // prettier-ignore
/** Nodes that give `[N,C,H,W]`. */
const GIVES_PICTURE: ReadonlySet<string> = new Set(
  ['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'InstanceNormalization', 'GroupNormalization', 'LRN', 'DepthToSpace', 'SpaceToDepth'],
); // prettier-ignore

/** Whether a tensor of four axes is a picture `[N,C,H,W]`, told from what it comes from. */
export function isChannelsSecond(view: GraphView, tensor: string): boolean {
  let name = tensor;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const node = view.producers.get(name);
    if (node && GIVES_PICTURE.has(node.op)) return true;
    const before = node && KEEPS_PICTURE.has(node.op) ? node.inputs.find((input) => view.producers.has(input)) : undefined; // prettier-ignore
    if (before === undefined) return false;
    name = before;
  }
  return false;
}
