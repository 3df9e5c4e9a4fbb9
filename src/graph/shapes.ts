// shapes.ts: what every layer puts out and which weights it has, worked out from the input's shape.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape, sameShape, type Shape } from '../util/shape.ts';
import type { WeightShapes } from './kinds/base.ts';
import { invalidLayer } from './kinds/kind.ts';
import { kindOf } from './kinds/kinds.ts';
import type { Graph, Layer } from './layers.ts';

/** Shapes by layer name, without the batch: `[H,W,C]` of a picture, `[C]` of a vector. */
export type Shapes = ReadonlyMap<string, Shape>;

/** One layer's output for one picture, 1 GiB as float32: no classifier comes near it, at no size that finch reads. */
const MAX_OUTPUT = 2 ** 28;

/**
 * The output shape of every layer.
 * @param inputShape `[H,W,C]`, when the network is to be run at another size than its own
 * @throws AppError MODEL_INVALID when a layer cannot take what it is given; MODEL_UNSUPPORTED when the network
 * cannot run at another size than its own, or its weights are for its own alone
 */
export function inferShapes(graph: Graph, inputShape?: Shape): Shapes {
  const shapes = new Map<string, Shape>();
  for (const layer of graph.layers) {
    try {
      addShape(layer, shapes, inputShape);
    } catch (error) {
      throw inputShape ? atOtherSize(error, graph, inputShape) : error;
    }
  }
  for (const name of [graph.input, graph.output]) {
    if (!shapes.has(name))
      throw new AppError('MODEL_INVALID', `${graph.name}: no layer is called '${quoted(name)}'`);
  }
  if (inputShape) refuseOtherWeights(graph, shapes);
  return shapes;
}

/** Adds what a layer puts out to `shapes`, which has the layers before it. @throws AppError as `inferShapes` */
export function addShape(layer: Layer, shapes: Map<string, Shape>, inputShape?: Shape): void {
  if (shapes.has(layer.name)) {
    throw invalidLayer(layer, 'stands twice in the graph, expected one layer a name');
  }
  const inputs = layer.inputs.map((name) => {
    const shape = shapes.get(name);
    if (!shape) throw invalidLayer(layer, `takes '${quoted(name)}', which no layer before it is called`);
    return shape;
  });
  const shape = layer.kind === 'input' && inputShape ? inputShape : outputShape(layer, inputs);
  if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw invalidLayer(layer, `would put out ${formatShape(shape)}; its input is too small for it`);
  }
  if (elementCount(shape) > MAX_OUTPUT) {
    throw invalidLayer(layer, `would put out ${formatShape(shape)}, more numbers than memory holds`);
  }
  shapes.set(layer.name, shape);
}

/** What a layer refuses at another size than the network's own, said of the size. */
function atOtherSize(error: unknown, graph: Graph, given: Shape): unknown {
  const own = ownShape(graph);
  if (!(error instanceof AppError) || error.code !== 'MODEL_INVALID' || sameShape(own, given)) return error;
  // A network that is wrong at its own size too says that instead.
  inferShapes(graph);
  const problem = `${graph.name} takes pictures of ${sizeOf(own)} and cannot take ${sizeOf(given)}: ${error.message}`;
  return new AppError('MODEL_UNSUPPORTED', `${problem}. ${LEAVE_SIZE}`, { cause: error });
}

const LEAVE_SIZE = 'Leave the size as the model has it';

const sizeOf = ([height, width]: Shape) => `${height}x${width}`;

/** `[H,W,C]` that the graph itself says. */
function ownShape(graph: Graph): Shape {
  const input = graph.layers.find(({ name }) => name === graph.input);
  return input?.kind === 'input' ? input.shape : [];
}

/** A dense layer behind a flattened picture has a weight for each of its numbers: it takes pictures of one size. */
function refuseOtherWeights(graph: Graph, shapes: Shapes): void {
  const [own, given] = [ownShape(graph), shapes.get(graph.input)!];
  if (sameShape(own, given)) return;
  const ownShapes = inferShapes(graph);
  for (const layer of graph.layers) {
    const [from] = layer.inputs;
    if (from === undefined) continue;
    const [expected, found] = [ownShapes, shapes].map((at) => weightShapes(layer, at.get(from)));
    if (found!.every(([, shape], i) => sameShape(shape, expected![i]![1]))) continue;
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${graph.name} takes pictures of ${sizeOf(own)} only, received ${sizeOf(given)}: layer '${quoted(layer.name)}' (${layer.kind}) ` +
        `has weights for ${elementCount(ownShapes.get(from)!)} numbers and would get ${elementCount(shapes.get(from)!)}. ${LEAVE_SIZE}`,
    );
  }
}

function outputShape(layer: Layer, inputs: readonly Shape[]): Shape {
  if (layer.kind !== 'input' && inputs.length === 0) throw invalidLayer(layer, 'has no input');
  return kindOf(layer).outputShape(layer, inputs);
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

/**
 * The weights of a layer by role, with their shapes, in the order in which tf.LayersModel keeps them.
 * @param input shape of the layer's first input; absent where only the roles are asked for
 */
export function weightShapes(layer: Layer, input: Shape = []): WeightShapes {
  return kindOf(layer).weights?.(layer, input) ?? [];
}
