// ema.ts: an exponential moving average of weights, which is often the better network. Touches no engine.

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

/**
 * Averages over few steps forget where they started, later ones change slowly: min(decay, (1 + step) / (10 + step)).
 * Source: TensorFlow's ExponentialMovingAverage with `num_updates`, timm's warmup.
 */
export function decayAt(step: number, decay: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}
