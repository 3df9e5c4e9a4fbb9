// ema.ts: a moving average of weights, which is often the better network. Touches no engine.

import type { Weight, Weights } from '../graph/layers.ts';

/** Moves `average` towards `weights` by the share 1 - decay, in place. Both have the same names and shapes. */
export function updateAverage(average: ReadonlyMap<string, Weight>, weights: Weights, decay: number): void {
  for (const [name, { data }] of average) {
    const latest = weights.get(name)!.data;
    for (let i = 0; i < data.length; i++) data[i] = data[i]! * decay + latest[i]! * (1 - decay);
  }
}

/** A copy of the weights, to average into. */
export function copyWeights(weights: Weights): Map<string, Weight> {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

/** The eta below: 0 would give the plain mean of all steps; a higher value forgets the first steps sooner. */
const POLYNOMIAL = 1;

/**
 * Share of the average that is kept at a step, counted from 1: step / (step + 1 + eta), but at most `decay`. A decay of 1 sets
 * no limit: the average then spans a share of the run, however long that run is, and the initial weights fade. Source:
 * polynomial-decay averaging, Shamir and Zhang, Stochastic gradient descent for non-smooth optimization, 2013.
 */
export function decayAt(step: number, decay: number): number {
  return Math.min(decay, step / (step + 1 + POLYNOMIAL));
}
