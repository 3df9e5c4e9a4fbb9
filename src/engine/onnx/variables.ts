// variables.ts: how the variables of a training step lie in memory between steps, as onnx operators want them.

import type { Graph, Layer, WeightRole } from '../../graph/layers.ts';
import type { Shapes } from '../../graph/shapes.ts';
import { elementCount, transpose, type Shape } from '../../util/shape.ts';
import type { TrainSpec } from '../training.ts';
import { variablesOf, type Variable } from '../training/variables.ts';

export interface StoredVariable extends Variable {
  readonly stored: Stored;
}

/** How a variable lies in memory, as the step's operators want it. */
interface Stored {
  readonly shape: Shape;
  /** The graph's numbers are viewed in this shape, and `axes` puts them in the stored order. Absent: both orders are the same. */
  readonly seenAs?: Shape;
  readonly axes?: readonly number[];
}

/** Kernels of so many numbers are overwritten: VGG's first dense layer, 400 MB, would be there twice. */
const LARGE = 2 ** 22;

/** Whether a step on the CPU overwrites the variable, in place of writing the new one beside it. */
export function hasOneBuffer({ role, shape }: Variable): boolean {
  return role === 'kernel' && elementCount(shape) >= LARGE;
}

export function toStored({ stored }: StoredVariable, data: Float32Array): Float32Array {
  return stored.axes ? transpose(data, stored.seenAs!, stored.axes) : data.slice();
}

export function fromStored({ stored }: StoredVariable, data: Float32Array): Float32Array {
  if (!stored.axes) return data.slice();
  const { axes } = stored;
  const shape = axes.map((axis) => stored.seenAs![axis]!);
  return transpose(
    data,
    shape,
    axes.map((_, axis) => axes.indexOf(axis)),
  );
}

/**
 * All variables of a step, in the graph's order, and how they lie. The statistics of a frozen batch norm are among them: they are
 * inputs, and do not change.
 * @param block channels in a block; 0 where nothing is blocked
 */
export function storedVariables(
  graph: Graph,
  spec: Pick<TrainSpec, 'trainFrom' | 'groups'>,
  shapes: Shapes,
  block: number,
): readonly StoredVariable[] {
  const layers = new Map(graph.layers.map((layer) => [layer.name, layer]));
  return variablesOf(graph, spec, shapes).map((variable) => ({
    ...variable,
    stored: storedAs(layers.get(variable.layer)!, variable.role, variable.shape, block),
  }));
}

/** Kernels of convolutions are OIHW, or in blocks where their convolution runs on blocks; all others lie as in the graph. */
function storedAs(layer: Layer, role: WeightRole, shape: Shape, block: number): Stored {
  const isKernel = role === 'depthwise_kernel' || (role === 'kernel' && layer.kind === 'conv2d');
  if (!isKernel) return { shape };
  const [height, width, inputs, outputs] = shape as readonly [number, number, number, number];
  // Keras's depthwise kernel is [H,W,C,M] and its output channel c·M+m: read as [H,W,1,C·M] it is an ordinary one.
  const seenAs =
    role === 'depthwise_kernel' ? [height, width, 1, inputs * outputs] : [height, width, inputs, outputs];
  const oihw = [3, 2, 0, 1].map((axis) => seenAs[axis]!);
  const [taps, o, i] = [height * width, oihw[0]!, oihw[1]!];
  switch (kernelBlocks(layer, oihw, block)) {
    case 'none':
      return { shape: oihw, seenAs, axes: [3, 2, 0, 1] };
    case 'outputs': // OIHWo
      return { shape: oihw, seenAs: [taps, i, o / block, block], axes: [2, 1, 0, 3] };
    case 'both': // OIHWio
      return { shape: oihw, seenAs: [taps, i / block, block, o / block, block], axes: [3, 1, 0, 2, 4] };
    default:
      throw new Error('unreachable');
  }
}

/**
 * Which channels of a convolution's kernel are in blocks. `both`: pictures are blocked before and after. `outputs`: depthwise
 * ones, and those that take a few channels (a stem takes its pixels as they are).
 * @param kernel `[O,I/groups,kh,kw]`
 */
export function kernelBlocks(layer: Layer, kernel: Shape, block: number): 'none' | 'outputs' | 'both' {
  const [outputs, inputs] = kernel as readonly [number, number];
  if (block === 0 || outputs % block !== 0) return 'none';
  if (layer.kind === 'depthwiseConv2d') return layer.depthMultiplier === 1 ? 'outputs' : 'none';
  if (layer.kind !== 'conv2d' || (layer.groups ?? 1) > 1) return 'none';
  if (inputs % block === 0) return 'both';
  return inputs < 4 ? 'outputs' : 'none';
}
