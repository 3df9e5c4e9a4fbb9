// torch-layout.ts: where each number of a weight lies in a torch state dict. Torch flattens a picture by channels, rows, columns,
// where the graph's order is rows, columns, channels.

import { kindOf } from '../graph/kinds/kinds.ts';
import type { Graph, Layer, WeightRole } from '../graph/layers.ts';
import type { Shapes } from '../graph/shapes.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, sameShape, transpose, type Shape } from '../util/shape.ts';

export interface TorchLayout {
  /** What follows the module's name. */
  readonly suffix: string;
  readonly shape: Shape;
  /** The graph's numbers from torch's, and the other way. */
  fromTorch(values: Float32Array): Float32Array;
  toTorch(values: Float32Array): Float32Array;
}

/** What a row of numbers is made of, part by part: `[H,W,C]` of a flattened picture, `[N]` of other numbers. */
export type RowParts = readonly Shape[];

/**
 * @param shape of the weight in the graph
 * @param parts of the row that the layer takes, where a flattened picture is in it: see `flattenedPictures`
 */
export function torchLayout(layer: Layer, role: WeightRole, shape: Shape, parts: RowParts = []): TorchLayout {
  const weight = kindOf(layer).torch?.[role];
  if (!weight) throw new Error(`no torch name for ${role} of ${layer.kind}`);
  const { suffix, isByInput, joined } = weight;
  const axes = weight.axes?.length === shape.length ? weight.axes : shape.map((_, axis) => axis);
  const order = shape.map((_, axis) => axes.indexOf(axis));
  const inOrder = order.map((axis) => shape[axis]!);
  const isMoved = order.some((from, to) => from !== to);
  // The row's axis, behind those of one place that a convolution of 1x1 has.
  const axis = shape.findIndex((size) => size !== 1);
  const isByPart = isByInput === true && shape[axis] === sumOf(parts.map(elementCount));
  const [rest, rows] = [elementCount(shape.slice(axis + 1)), isByPart ? parts : []];
  return {
    suffix,
    shape: joined ? joined(inOrder) : inOrder,
    fromTorch(values) {
      const plain = isMoved ? transpose(values, inOrder, axes) : values;
      return reordered(plain, { parts: rows, rest, isBack: true });
    },
    toTorch(values) {
      const moved = reordered(values, { parts: rows, rest, isBack: false });
      return isMoved ? transpose(moved, shape, order) : moved;
    },
  };
}

const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

interface Reordering {
  readonly parts: RowParts;
  /** How many numbers there are for each number of the row. */
  readonly rest: number;
  /** From torch's order to the graph's. */
  readonly isBack: boolean;
}

/** The rows of a weight, whose first axis is the row of numbers that the layer takes, with those of each picture in the other order. */
function reordered(values: Float32Array, { parts, rest, isBack }: Reordering): Float32Array {
  if (parts.length === 0) return values;
  const result = new Float32Array(values.length);
  let at = 0;
  for (const part of parts) {
    const size = elementCount(part) * rest;
    const own = values.subarray(at, at + size);
    const [height, width, channels] = part;
    const isPicture = width !== undefined && channels !== undefined;
    const moved = isPicture
      ? isBack
        ? transpose(own, [channels, height!, width, rest], [1, 2, 0, 3])
        : transpose(own, [height!, width, channels, rest], [2, 0, 1, 3])
      : own;
    result.set(moved, at);
    at += size;
  }
  return result;
}

/** In all rows of a network. Those that are joined with themselves again and again have more with each layer. */
const MAX_PARTS = 100_000;

/**
 * The parts of each row of numbers, `[N]` or `[1,1,N]`, with a flattened picture in it, by layer. A picture of one place is in the same
 * order anyway.
 * @throws AppError MODEL_UNSUPPORTED for more parts than any network has
 */
export function flattenedPictures(graph: Graph, shapes: Shapes): ReadonlyMap<string, RowParts> {
  const rows = new Map<string, RowParts>();
  const channelsFirst = new Set<string>();
  let count = 0;
  for (const layer of graph.layers) {
    const [from] = layer.inputs;
    if (from === undefined) continue;
    const before = shapes.get(from)!;
    const keepsOrder = KEEPS_ORDER.has(layer.kind);
    const isTurned = layer.kind === 'permute' && sameShape(layer.dims, [3, 1, 2]);
    if (isTurned || (keepsOrder && channelsFirst.has(from))) channelsFirst.add(layer.name);
    if (!isRow(shapes.get(layer.name)!)) continue;
    const isReshaped = layer.kind === 'flatten' || layer.kind === 'reshape';
    if (isReshaped && before.length === 3 && !isRow(before)) {
      if (!channelsFirst.has(from)) rows.set(layer.name, [before]);
    } else if (layer.kind === 'concatenate') {
      if (layer.inputs.some((input) => rows.has(input))) {
        count += sumOf(layer.inputs.map((input) => rows.get(input)?.length ?? 1));
        if (count > MAX_PARTS) throw tooManyParts(graph.name);
        rows.set(
          layer.name,
          layer.inputs.flatMap((input) => rows.get(input) ?? [shapes.get(input)!]),
        );
      }
    } else if (isReshaped || keepsOrder) {
      const known = layer.inputs.map((input) => rows.get(input)).find((parts) => parts !== undefined);
      if (known) rows.set(layer.name, known);
    }
  }
  return rows;
}

/** Numbers of one place. */
const isRow = (shape: Shape) => elementCount(shape) === shape.at(-1);

const tooManyParts = (name: string) =>
  new AppError(
    'MODEL_UNSUPPORTED',
    `${quoted(name)} joins flattened pictures to rows of more than ${MAX_PARTS} parts, whose order in a torch file finch does not work out; export it in another format`,
  );

const KEEPS_ORDER: ReadonlySet<Layer['kind']> = new Set<Layer['kind']>([
  'activation',
  'add',
  'batchNormalization',
  'dropout',
  'layerNormalization',
  'multiply',
  'prelu',
  'rescaling',
]);
