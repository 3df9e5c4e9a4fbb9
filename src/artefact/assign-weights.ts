// assign-weights.ts: the tensors of a manifest -> the weights of a graph.

import { weightName, type Weight, type WeightRole, type Weights } from '../graph/layers.ts';
import { inferShapes, weightShapes } from '../graph/shapes.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape, sameShape, type Shape } from '../util/shape.ts';
import type { KerasGraph } from './keras-read.ts';

/** Other names that the same role has in converters' files, and in those of Keras classes that are read as other kinds. */
const ROLE_ALIASES: Readonly<Partial<Record<WeightRole, readonly string[]>>> = {
  // The last two are of a LayerScale, in a `.keras` and in an HDF5 file.
  depthwise_kernel: ['kernel', 'gamma', 'variable'],
  kernel: ['pointwise_kernel'],
  moving_mean: ['mean'],
  moving_variance: ['variance'],
};

/**
 * Gives every layer its weights: each found once, of the right shape.
 * Names may carry a nested model's prefix, or `:0`.
 */
export function assignWeights(
  { graph, fixed, owners }: Pick<KerasGraph, 'graph' | 'fixed' | 'owners'>,
  stored: Weights,
  folder: string,
): Weights {
  const byTail = new Map<string, Weight | 'ambiguous'>();
  for (const [name, weight] of stored) {
    const tail = name.replace(/:0$/, '').split('/').slice(-2).join('/');
    byTail.set(tail, (byTail.get(tail) ?? weight) === weight ? weight : 'ambiguous');
  }
  const shapes = inferShapes(graph);
  const weights = new Map<string, Weight>();
  const used = new Set<Weight>();
  for (const layer of graph.layers) {
    const [input] = layer.inputs;
    for (const [role, shape] of weightShapes(layer, input === undefined ? undefined : shapes.get(input))) {
      const given = fixed.get(weightName(layer.name, role));
      if (given) {
        weights.set(weightName(layer.name, role), fixedWeight(given, shape));
        continue;
      }
      const roles = [role, ...(ROLE_ALIASES[role] ?? [])];
      const names = placesOf(owners.get(layer.name) ?? layer.name).flatMap((place) =>
        roles.map((alias) => `${place}/${alias}`),
      );
      const tails = names.map((full) => full.split('/').slice(-2).join('/'));
      const found = [...names.map((full) => stored.get(full)), ...tails.map((tail) => byTail.get(tail))].find(
        Boolean,
      );
      if (!found || found === 'ambiguous') {
        throw new AppError(
          'MODEL_INVALID',
          `${folder}: ${found ? 'several weights could be' : 'the manifest lacks'} '${quoted(names[0]!)}'`,
        );
      }
      if (used.has(found)) {
        throw new AppError(
          'MODEL_INVALID',
          `${folder}: '${quoted(names[0]!)}' is missing; the weights that could be meant are another layer's`,
        );
      }
      used.add(found);
      if (layer.kind === 'batchNormalization' && layer.isFixed && found.data.length === 1) {
        // Normalization(axis=None) has one mean and variance for all channels.
        weights.set(weightName(layer.name, role), fixedWeight([found.data[0]!], shape));
        continue;
      }
      if (isFactors(found.shape, shape)) {
        weights.set(weightName(layer.name, role), { ...found, shape });
        continue;
      }
      if (!sameShape(found.shape, shape)) {
        throw new AppError(
          'MODEL_INVALID',
          `${folder}: '${quoted(names[0]!)}' is ${formatShape(found.shape)}, the topology expects ${formatShape(shape)}`,
        );
      }
      weights.set(weightName(layer.name, role), found);
    }
  }
  return weights;
}

/** Whether it is a number for each channel, where a depthwise convolution of 1x1 has these shapes: a LayerScale. */
const isFactors = (found: Shape, expected: Shape) =>
  found.length === 1 && expected.length === 4 && sameShape(expected, [1, 1, found[0]!, 1]);

/**
 * Where files keep the weights of a layer in models within models: under all of their names, the outermost one's and its own, or its own.
 * Where a name ends is not known, as it may have slashes in it: longer ones come first.
 */
function placesOf(owner: string): readonly string[] {
  const [outermost, ...rest] = owner.split('/');
  const ends = rest.map((_, i) => rest.slice(i).join('/'));
  return [owner, ...ends.slice(1).map((end) => `${outermost!}/${end}`), ...ends];
}

/** One number for all channels, or one for each. */
function fixedWeight(values: readonly number[], shape: Shape): Weight {
  const length = elementCount(shape);
  if (values.length !== 1 && values.length !== length) {
    throw new AppError('MODEL_INVALID', `the topology gives ${values.length} numbers for ${length} channels`);
  }
  return { shape, data: Float32Array.from({ length }, (_, i) => values[i % values.length]!) };
}
