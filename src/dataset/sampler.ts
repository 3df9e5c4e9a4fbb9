// sampler.ts: the order in which an epoch sees its pictures. It is a pure function of seed and epoch, so an interrupted run
// continues in the same order.

import type { Rng } from '../util/rng.ts';

export const SAMPLERS = ['shuffle', 'weighted'] as const;
export type SamplerName = (typeof SAMPLERS)[number];

interface OrderOptions {
  readonly sampler: SamplerName;
  /** Class numbers of each sample. */
  readonly labels: readonly (readonly number[])[];
  readonly classes: number;
  readonly epoch: number;
  /** The run's own Rng; it is only forked. */
  readonly rng: Rng;
}

/** As many sample numbers as there are samples: each once or, if weighted, drawn with replacement. */
export function epochOrder({ sampler, labels, classes, epoch, rng }: OrderOptions): Uint32Array {
  const stream = rng.fork('order', epoch);
  switch (sampler) {
    case 'shuffle':
      return stream.shuffle(Uint32Array.from(labels.keys()));
    case 'weighted':
      return drawn(sampleWeights(labels, classes), stream);
    default:
      throw new Error(`no such sampler: ${String(sampler satisfies never)}`);
  }
}

/** 1 / pictures of its class, so that every class is drawn equally often. With several labels, the rarest one counts. */
export function sampleWeights(labels: readonly (readonly number[])[], classes: number): Float64Array {
  const counts = countLabels(labels, classes);
  // A picture without labels gets the weight of a class with all the pictures.
  return Float64Array.from(
    labels,
    (own) => 1 / Math.min(labels.length, ...own.map((label) => counts[label]!)),
  );
}

/**
 * Weights of the loss: n / (classes x count), as scikit-learn's `balanced`; their mean over the pictures is 1.
 * A class without pictures weighs 0.
 */
export function classWeights(labels: readonly (readonly number[])[], classes: number): Float32Array {
  const total = labels.reduce((sum, own) => sum + own.length, 0);
  return Float32Array.from(countLabels(labels, classes), (count) =>
    count === 0 ? 0 : total / (classes * count),
  );
}

function countLabels(labels: readonly (readonly number[])[], classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (const own of labels) for (const label of own) counts[label]! += 1;
  return counts;
}

function drawn(weights: Float64Array, rng: Rng): Uint32Array {
  const sums = Float64Array.from(weights);
  for (let i = 1; i < sums.length; i++) sums[i]! += sums[i - 1]!;
  const total = sums.at(-1) ?? 0;
  return Uint32Array.from(weights, () => firstAbove(sums, rng.uniform(0, total)));
}

/** The first of ascending values that is above `value`, found by binary search. */
function firstAbove(values: Float64Array, value: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
