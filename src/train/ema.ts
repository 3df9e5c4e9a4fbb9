// ema.ts: a moving average of weights, which is often the better network. Touches no engine.

import type { Weight, Weights } from '../graph/layers.ts';

/** In place: `average` moves to `weights` by 1 - decay. Both have the same names and shapes. */
export function updateAverage(average: ReadonlyMap<string, Weight>, weights: Weights, decay: number): void {
  for (const [name, { data }] of average) {
    const latest = weights.get(name)!.data;
    for (let i = 0; i < data.length; i++) data[i] = data[i]! * decay + latest[i]! * (1 - decay);
  }
}

/** Weights of one's own to average into. */
export function copyWeights(weights: Weights): Map<string, Weight> {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

/** 0 would be the plain mean of all steps; higher forgets the first of them sooner. */
const POLYNOMIAL = 1;

/**
 * How much of the average stays at a step, counted from 1: step / (step + 1 + eta), until `decay` is less. A decay of 1 never is:
 * the average then spans a share of the run, however long that is, and the weights it began with fade. Source: polynomial-decay
 * averaging, Shamir and Zhang, Stochastic gradient descent for non-smooth optimization, 2013.
 */
export function decayAt(step: number, decay: number): number {
  return Math.min(decay, step / (step + 1 + POLYNOMIAL));
}
