// torch-layout.ts: where each number of a weight lies in a torch state dict. Torch flattens a picture by channels, rows, columns,
// where the graph's order is rows, columns, channels.

import { kindOf } from '../graph/kinds/kinds.ts';
import type { Graph, Layer, WeightRole } from '../graph/layers.ts';
import type { Shapes } from '../graph/shapes.ts';
import { elementCount, transpose, type Shape } from '../util/shape.ts';

export interface TorchLayout {
  /** What follows the module's name. */
  readonly suffix: string;
  readonly shape: Shape;
  /** The graph's numbers from torch's, and the other way. */
  fromTorch(values: Float32Array): Float32Array;
  toTorch(values: Float32Array): Float32Array;
}

/**
 * @param shape of the weight in the graph
 * @param picture the shape of the picture, if the layer's input is a flattened picture: see `flattenedPictures`
 */
export function torchLayout(layer: Layer, role: WeightRole, shape: Shape, picture?: Shape): TorchLayout {
  const weight = kindOf(layer).torch?.[role];
  if (!weight) throw new Error(`no torch name for ${role} of ${layer.kind}`);
  const { suffix, isByInput, joined } = weight;
  const axes = weight.axes?.length === shape.length ? weight.axes : shape.map((_, axis) => axis);
  const plainOrder = shape.map((_, axis) => axes.indexOf(axis));
  const inOrder = plainOrder.map((axis) => shape[axis]!);
  const isSplit = picture !== undefined && isByInput === true && shape[0] === elementCount(picture);
  const seenAs = isSplit ? [...picture, ...shape.slice(1)] : shape;
  // The first axis becomes three: rows, columns, channels.
  const order = isSplit ? plainOrder.flatMap((axis) => (axis === 0 ? [2, 0, 1] : [axis + 2])) : plainOrder;
  const isMoved = order.some((from, to) => from !== to);
  const inverse = order.map((_, axis) => order.indexOf(axis));
  const torchSeenAs = order.map((axis) => seenAs[axis]!);
  return {
    suffix,
    shape: joined ? joined(inOrder) : inOrder,
    fromTorch: (values) => (isMoved ? transpose(values, torchSeenAs, inverse) : values),
    toTorch: (values) => (isMoved ? transpose(values, seenAs, order) : values),
  };
}

/** `[H,W,C]` of the picture that a layer puts out as one row of numbers, by layer. A row of one place is in the same order anyway. */
export function flattenedPictures(graph: Graph, shapes: Shapes): ReadonlyMap<string, Shape> {
  const pictures = new Map<string, Shape>();
  for (const layer of graph.layers) {
    const [from] = layer.inputs;
    if (from === undefined || shapes.get(layer.name)!.length !== 1) continue;
    const before = shapes.get(from)!;
    const isFlattened = (layer.kind === 'flatten' || layer.kind === 'reshape') && before.length === 3;
    if (isFlattened && elementCount(before.slice(0, 2)) > 1) pictures.set(layer.name, before);
    const known = pictures.get(from);
    if (known && KEEPS_ORDER.has(layer.kind)) pictures.set(layer.name, known);
  }
  return pictures;
}

const KEEPS_ORDER: ReadonlySet<Layer['kind']> = new Set<Layer['kind']>([
  'activation',
  'prelu',
  'dropout',
  'batchNormalization',
  'layerNormalization',
  'rescaling',
]);
