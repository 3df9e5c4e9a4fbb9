// torch-weights.ts: a torch state dict -> the weights of a graph. Every name used once, every shape checked, every
// transpose listed (graph/kinds/: `torch`).

import type { Graph, Weight, Weights } from '../graph/layers.ts';
import { weightName } from '../graph/layers.ts';
import { inferShapes, weightShapes } from '../graph/shapes.ts';
import { refuseInfinite } from '../graph/finite.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape, sameShape, type Shape } from '../util/shape.ts';
import { asModules, type TorchNaming } from './record.ts';
import { flattenedPictures, torchLayout } from './torch-layout.ts';

/** A tensor as torch keeps it. `read` gives its values, row-major, when they are wanted. */
export interface TorchTensor {
  readonly shape: Shape;
  readonly read: () => Float32Array;
}

/** Names in a state dict that carry nothing for inference. */
const IGNORED = /(^|\.)num_batches_tracked$/;

/**
 * @param source what the messages call the checkpoint
 * @param naming how the checkpoint names the weights
 * @throws AppError MODEL_MISMATCH when a name is missing, left over, of another shape, or holds a value that is not a number
 */
export function weightsFromTorch(
  graph: Graph,
  stateDict: ReadonlyMap<string, TorchTensor>,
  source: string,
  naming: TorchNaming = asModules,
): Weights {
  const shapes = inferShapes(graph);
  const pictures = flattenedPictures(graph, shapes);
  const unused = new Set([...stateDict.keys()].filter((key) => !IGNORED.test(key)));
  const weights = new Map<string, Weight>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const layer of graph.layers) {
    const [first] = layer.inputs;
    for (const [role, shape] of weightShapes(layer, first === undefined ? undefined : shapes.get(first))) {
      const layout = torchLayout(layer, role, shape, pictures.get(first ?? ''));
      const key = naming(layer.name, layout.suffix);
      const tensor = stateDict.get(key);
      if (!tensor) {
        missing.push(key);
        continue;
      }
      unused.delete(key);
      if (!sameNumbers(tensor.shape, layout.shape)) {
        misshapen.push(
          `'${key}' is ${formatShape(tensor.shape)}, the graph expects ${formatShape(layout.shape)}`,
        );
      } else if (missing.length === 0 && misshapen.length === 0) {
        const values = tensor.read();
        refuseInfinite(values, key, source);
        weights.set(weightName(layer.name, role), { shape, data: layout.fromTorch(values) });
      }
    }
  }
  const problems = [
    ...misshapen,
    ...(missing.length > 0 ? [`${missing.length} weights are missing: ${someOf(missing)}`] : []),
    ...(unused.size > 0 ? [`${unused.size} are not in the graph: ${someOf([...unused])}`] : []),
  ];
  if (problems.length > 0) {
    throw new AppError(
      'MODEL_MISMATCH',
      `${source} does not hold the weights of ${graph.name}: ${someOf(problems)}`,
    );
  }
  return weights;
}

/** The other way: weights under torch's names, in torch's order of axes. Layers in the graph's order. */
export function weightsToTorch(
  graph: Graph,
  weights: Weights,
  naming: TorchNaming = asModules,
): ReadonlyMap<string, Weight> {
  const result = new Map<string, Weight>();
  const shapes = inferShapes(graph);
  const pictures = flattenedPictures(graph, shapes);
  for (const layer of graph.layers) {
    const [first] = layer.inputs;
    for (const [role] of weightShapes(layer, first === undefined ? undefined : shapes.get(first))) {
      const weight = weights.get(weightName(layer.name, role));
      if (!weight) continue;
      const layout = torchLayout(layer, role, weight.shape, pictures.get(first ?? ''));
      const name = naming(layer.name, layout.suffix);
      result.set(name, { shape: layout.shape, data: layout.toTorch(weight.data) });
    }
  }
  return result;
}

/**
 * The first convolution's kernel with its input channels turned round: what took blue, green and red takes red, green and blue, and
 * the other way.
 */
export function withKernelReversed(graph: Graph, weights: Weights): Weights {
  const first = graph.layers.find((layer) => layer.kind === 'conv2d');
  const name = weightName(first?.name ?? '', 'kernel');
  const kernel = weights.get(name);
  if (!kernel) return weights;
  const { shape, data } = kernel;
  const [height, width, channels, filters] = shape as readonly [number, number, number, number];
  const reversed = new Float32Array(data.length);
  for (let place = 0; place < height * width; place++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (place * channels + channels - 1 - channel) * filters;
      reversed.set(data.subarray(from, from + filters), (place * channels + channel) * filters);
    }
  }
  return new Map(weights).set(name, { shape, data: reversed });
}

/**
 * Whether the numbers of two shapes lie in the same order: they differ in sizes of one, or the input of a dense layer is written as
 * channels, rows and columns. A gate's 1x1 convolution may be a linear layer elsewhere, and the other way.
 */
export function sameNumbers(a: Shape, b: Shape): boolean {
  const [one, other] = [withoutOnes(a), withoutOnes(b)];
  if (sameShape(one, other)) return true;
  const isDense = one.length === 2 || other.length === 2;
  return isDense && one[0] === other[0] && elementCount(one) === elementCount(other);
}

const withoutOnes = (shape: Shape) => shape.filter((size, axis) => axis === 0 || size !== 1);

/** Some names for a message. */
export function someOf(items: readonly string[]): string {
  const shown = items.slice(0, 3).map((item) => quoted(item)).join(', '); // prettier-ignore
  return items.length > 3 ? `${shown} and ${items.length - 3} more` : shown;
}
