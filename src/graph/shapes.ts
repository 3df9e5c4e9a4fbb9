// shapes.ts: what every layer puts out and which weights it has, worked out from the input's shape.

import { AppError } from '../util/errors.ts';
import { elementCount, formatShape, type Shape } from '../util/shape.ts';
import type { Graph, Layer, Padding, Size2d, WeightRole } from './layers.ts';

/** Shapes by layer name, without the batch: `[H,W,C]` of a picture, `[C]` of a vector. */
export type Shapes = ReadonlyMap<string, Shape>;

/**
 * The output shape of every layer.
 * @param inputShape `[H,W,C]`, when the network is to be run at another size than its own
 * @throws AppError MODEL_INVALID when a layer cannot take what it is given
 */
export function inferShapes(graph: Graph, inputShape?: Shape): Shapes {
  const shapes = new Map<string, Shape>();
  for (const layer of graph.layers) {
    if (shapes.has(layer.name)) throw invalid(layer, 'stands twice in the graph, expected one layer a name');
    const inputs = layer.inputs.map((name) => {
      const shape = shapes.get(name);
      if (!shape) throw invalid(layer, `takes '${name}', which no layer before it is called`);
      return shape;
    });
    const shape = layer.kind === 'input' && inputShape ? inputShape : outputShape(layer, inputs);
    if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
      throw invalid(layer, `would put out ${formatShape(shape)}; its input is too small for it`);
    }
    shapes.set(layer.name, shape);
  }
  for (const name of [graph.input, graph.output]) {
    if (!shapes.has(name)) throw new AppError('MODEL_INVALID', `${graph.name}: no layer is called '${name}'`);
  }
  return shapes;
}

function outputShape(layer: Layer, inputs: readonly Shape[]): Shape {
  const [first] = inputs;
  if (layer.kind === 'input') return layer.shape;
  if (!first) throw invalid(layer, 'has no input');
  switch (layer.kind) {
    case 'conv2d': {
      const [, , channels] = picture(layer, first);
      const groups = layer.groups ?? 1;
      if (channels % groups !== 0 || layer.filters % groups !== 0) {
        throw invalid(layer, `has ${groups} groups for ${channels} channels and ${layer.filters} filters`);
      }
      return [...windowed(layer, first, layer.kernelSize, layer.dilation), layer.filters];
    }
    case 'depthwiseConv2d': {
      const [, , channels] = picture(layer, first);
      return [...windowed(layer, first, layer.kernelSize, layer.dilation), channels * layer.depthMultiplier];
    }
    case 'maxPooling2d':
    case 'averagePooling2d': {
      const [, , channels] = picture(layer, first);
      return [...windowed(layer, first, layer.poolSize, [1, 1]), channels];
    }
    case 'zeroPadding2d': {
      const [height, width, channels] = picture(layer, first);
      const { top, bottom, left, right } = layer.pad;
      return [height + top + bottom, width + left + right, channels];
    }
    case 'globalAveragePooling2d':
    case 'globalMaxPooling2d': {
      const [, , channels] = picture(layer, first);
      return [channels];
    }
    case 'dense':
      return [...first.slice(0, -1), layer.units];
    case 'flatten':
      return [elementCount(first)];
    case 'reshape':
      return reshaped(layer, first, layer.shape);
    case 'add':
    case 'multiply':
      return inputs.reduce((a, b) => broadcast(layer, a, b));
    case 'concatenate': {
      const leading = formatShape(first.slice(0, -1));
      if (inputs.some((shape) => formatShape(shape.slice(0, -1)) !== leading)) {
        throw invalid(
          layer,
          `joins ${inputs.map(formatShape).join(' and ')}, expected equal height and width`,
        );
      }
      return [...first.slice(0, -1), inputs.reduce((sum, shape) => sum + shape.at(-1)!, 0)];
    }
    case 'batchNormalization':
    case 'activation':
    case 'dropout':
      return first;
    default:
      throw new Error(`no shape rule for ${(layer satisfies never as Layer).kind}`);
  }
}

function picture(layer: Layer, shape: Shape): readonly [number, number, number] {
  const [height, width, channels] = shape;
  if (shape.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw invalid(layer, `takes a picture [H,W,C], received ${formatShape(shape)}`);
  }
  return [height, width, channels];
}

function windowed(
  layer: Layer & { readonly strides: Size2d; readonly padding: Padding },
  input: Shape,
  window: Size2d,
  dilation: Size2d,
): readonly [number, number] {
  const [height, width] = picture(layer, input);
  const size = (length: number, axis: 0 | 1) => {
    const stride = layer.strides[axis];
    if (layer.padding === 'same') return Math.ceil(length / stride);
    return Math.floor((length - dilation[axis] * (window[axis] - 1) - 1) / stride) + 1;
  };
  return [size(height, 0), size(width, 1)];
}

function reshaped(layer: Layer, input: Shape, target: Shape): Shape {
  const total = elementCount(input);
  const known = elementCount(target.filter((size) => size !== -1));
  const shape = target.map((size) => (size === -1 ? total / known : size));
  if (elementCount(shape) !== total || !shape.every(Number.isInteger))
    throw invalid(layer, `cannot turn ${formatShape(input)} into ${formatShape(target)}`);
  return shape;
}

function broadcast(layer: Layer, a: Shape, b: Shape): Shape {
  const fits = a.length === b.length && a.every((size, i) => size === b[i] || size === 1 || b[i] === 1);
  if (!fits) throw invalid(layer, `cannot combine ${formatShape(a)} with ${formatShape(b)}`);
  return a.map((size, i) => Math.max(size, b[i]!));
}

/**
 * Zeros that TensorFlow's `same` rule adds along one axis: half before, the odd one after.
 * Source: the definition of `SAME` in TensorFlow's documentation of `tf.nn.convolution`.
 */
export function samePadding(
  length: number,
  window: number,
  stride: number,
  dilation: number,
): readonly [before: number, after: number] {
  const span = dilation * (window - 1) + 1;
  const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + span - length);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** The weights of a layer by role, with their shapes, in the order in which tf.LayersModel keeps them. */
export function weightShapes(
  layer: Layer,
  input: Shape | undefined,
): readonly (readonly [WeightRole, Shape])[] {
  const channels = input?.at(-1) ?? 0;
  switch (layer.kind) {
    case 'conv2d':
      return [
        ['kernel', [...layer.kernelSize, channels / (layer.groups ?? 1), layer.filters]],
        ...(layer.useBias ? ([['bias', [layer.filters]]] as const) : []),
      ];
    case 'depthwiseConv2d':
      return [
        ['depthwise_kernel', [...layer.kernelSize, channels, layer.depthMultiplier]],
        ...(layer.useBias ? ([['bias', [channels * layer.depthMultiplier]]] as const) : []),
      ];
    case 'dense':
      return [
        ['kernel', [channels, layer.units]],
        ...(layer.useBias ? ([['bias', [layer.units]]] as const) : []),
      ];
    case 'batchNormalization':
      return [
        ...(layer.scale ? ([['gamma', [channels]]] as const) : []),
        ...(layer.center ? ([['beta', [channels]]] as const) : []),
        ['moving_mean', [channels]],
        ['moving_variance', [channels]],
      ];
    default:
      return [];
  }
}

function invalid(layer: Layer, problem: string): AppError {
  return new AppError('MODEL_INVALID', `layer '${layer.name}' (${layer.kind}) ${problem}`);
}
