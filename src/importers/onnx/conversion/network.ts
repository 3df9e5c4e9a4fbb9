// network.ts: the graph while it is being built: its layers and weights, and the layers that move values into the order of axes that
// another layer needs.

import { layersBehind } from '../../../graph/behind.ts';
import { graphBuilder, type GraphBuilder } from '../../../graph/builder.ts';
import {
  weightName,
  type Graph,
  type Size2d,
  type Weight,
  type WeightRole,
  type Weights,
} from '../../../graph/layers.ts';
import { elementCount, sameShape, transpose, type Shape } from '../../../util/shape.ts';
import { foreignShape, plain, reordered } from './arrangement.ts';
import { Unsupported, type Computed } from './tensor.ts';

/** Longest name of a layer, but for the number behind it. */
const MAX_NAME = 100;
/** 2 GiB as float32; the largest ConvNeXt has 350 million. */
const MAX_WEIGHTS = 2 ** 29;

export class Network {
  /** Adds layers; each takes and gives names of layers. */
  readonly b: GraphBuilder;
  readonly #weights = new Map<string, Weight>();
  #count = 0;
  readonly #names = new Map<string, number>([['input', 1]]);

  constructor(name: string, size: Size2d) {
    this.b = graphBuilder(name, size);
  }

  /** A name that no layer has yet: the one wanted, with a number behind it where that is taken. */
  free(wanted: string): string {
    return this.#numbered(wanted.replace(/[^\w.-]+/g, '_').replace(/^[_.-]+/, '').slice(0, MAX_NAME) || 'layer'); // prettier-ignore
  }

  /** The number stands behind what is cut off: long names would stay alike. */
  #numbered(name: string): string {
    const count = this.#names.get(name) ?? 0;
    this.#names.set(name, count + 1);
    return count === 0 ? name : this.#numbered(`${name}_${count}`);
  }

  /** A layer's own shape, `[H,W,C]` or `[C]`. */
  shapeOf = (layer: string): Shape => this.b.shapeOf(layer);

  /** @throws Unsupported when nodes share so many weights that memory would not hold them */
  setWeight(layer: string, role: WeightRole, weight: Weight): void {
    this.#count += weight.data.length;
    if (this.#count > MAX_WEIGHTS) throw new Unsupported(`more than ${MAX_WEIGHTS} weights`);
    this.#weights.set(weightName(layer, role), weight);
  }

  /** The value whose dimension `order[i]` is axis i of the layer: those left out have the size 1. */
  asLayer(layer: string, order: readonly number[], rank = order.length): Computed {
    const { sizes, dims } = plain(this.shapeOf(layer));
    const inverse = Array.from({ length: rank }, (_, dim) => dims[order.indexOf(dim)] ?? []);
    return { kind: 'computed', layer, sizes, dims: inverse };
  }

  /** A value as a layer whose axes are the dimensions in this order. Layers that move numbers are added where that takes some. */
  inOrder(value: Computed, order: readonly number[], name: string): Computed {
    const wanted = reordered(value, order);
    const layer = this.#moved(value, wanted.dims.flat(), name);
    return this.asLayer(this.#shaped(layer, foreignShape(wanted), name), order);
  }

  /** A value whose dimension is the layer's last axis: its channels. */
  channelsLast(value: Computed, dim: number, name: string): Computed {
    const size = foreignShape(value)[dim]!;
    const axes = value.dims[dim]!;
    const isLast = size === 1 || (axes.length === 1 && axes[0] === value.sizes.length - 1);
    if (isLast && this.shapeOf(value.layer).at(-1) === size) return value;
    return this.inOrder(value, lastOf(value, dim), name);
  }

  /** A value of at most three dimensions as a picture `[H,W,C]`: its axes are the dimensions of `order`, the last of them the channels. */
  asPicture(value: Computed, order: readonly number[], name: string): string {
    const { layer } = this.inOrder(value, order, name);
    const shape = this.shapeOf(layer);
    return this.#shaped(layer, [...Array.from({ length: 3 - shape.length }, () => 1), ...shape], name);
  }

  /** A value's layer as a picture `[H,W,C]` whose channels are its last axis. */
  asPlaces({ layer }: Computed, name: string): string {
    const shape = this.shapeOf(layer);
    const [rows = 1, ...columns] = shape.slice(0, -1).toReversed();
    return this.#shaped(layer, [elementCount(columns), rows, shape.at(-1)!], name);
  }

  /** The layer of a value as a vector, its numbers in the order of the layer's axes. */
  asVector(value: Computed, name: string): string {
    return this.#shaped(value.layer, [elementCount(value.sizes)], name);
  }

  /** The layers that the output needs, and the weights. */
  build(output: string): { readonly graph: Graph; readonly weights: Weights } {
    const graph = this.b.build(output);
    return {
      graph: { ...graph, layers: layersBehind(graph.layers, [output, graph.input]) },
      weights: this.#weights,
    };
  }

  #moved({ layer, sizes }: Computed, axes: readonly number[], name: string): string {
    const runs = runsOf(axes);
    if (runs.length < 2) return layer;
    // Runs in the order in which they lie, then in the order wanted.
    const lying = runs.toSorted(([a], [b]) => a! - b!);
    const split = this.#shaped(layer, lying.map((run) => elementCount(run.map((axis) => sizes[axis]!))), name); // prettier-ignore
    return this.b.permute(split, this.free(`${name}.permute`), runs.map((run) => lying.indexOf(run) + 1)); // prettier-ignore
  }

  #shaped(layer: string, shape: Shape, name: string): string {
    const own = this.shapeOf(layer);
    if (sameShape(own, shape)) return layer;
    if (shape.length === 1) return this.b.flatten(layer, this.free(`${name}.flatten`));
    return this.b.reshape(layer, this.free(`${name}.reshape`), shape);
  }
}

/** The dimensions of a value in their order, one of them last. */
export const lastOf = ({ dims }: Computed, last: number): readonly number[] =>
  [...dims.keys()].filter((dim) => dim !== last).concat(last);

/** The order of a value's dimensions that has the layer's last axis last, so that as little as possible is moved. */
export function asItLies(value: Computed): readonly number[] {
  const last = value.dims.findIndex((axes) => axes.includes(value.sizes.length - 1));
  return lastOf(value, Math.max(0, last));
}

/** Axes in groups of consecutive ones, which are moved together. */
function runsOf(axes: readonly number[]): readonly (readonly number[])[] {
  const runs: number[][] = [];
  for (const axis of axes) {
    const last = runs.at(-1);
    if (last?.at(-1) === axis - 1) last.push(axis);
    else runs.push([axis]);
  }
  return runs;
}

/**
 * The rows of a matrix `[K,columns]` in the order in which the K numbers of a vector lie in its layer.
 * @param matrix its rows are in the order of the foreign tensor
 */
export function rowsAsTheyLie(
  matrix: Float32Array,
  { sizes, dims }: Computed,
  columns: number,
): Float32Array {
  const order = dims.flat();
  if (order.every((axis, i) => axis === i)) return matrix;
  const seenAs = [...order.map((axis) => sizes[axis]!), columns];
  return transpose(matrix, seenAs, [...sizes.map((_, axis) => order.indexOf(axis)), order.length]);
}
