// find-rate.ts: which learning rate suits: one step after another at rates that grow from far too small to far too large.
// It trains weights of its own, and none of them are kept. Source: Smith, Cyclical Learning Rates (2015), section 3.3.

import type { EngineModel, OnDivided } from '../engine/engine.ts';
import type { TrainableEngine, TrainSpec } from '../engine/training.ts';
import { AppError } from '../util/errors.ts';
import type { TrainingData } from './stage-two.ts';
import { targetsFor } from './targets.ts';

export interface RateSearch {
  readonly engine: TrainableEngine;
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  readonly onDivided?: OnDivided;
  readonly data: TrainingData;
  readonly signal: AbortSignal;
  readonly onStep: (step: number, of: number) => void;
}

export interface FoundRates {
  /** Rate and smoothed loss of each step. */
  readonly points: readonly (readonly [rate: number, loss: number])[];
  /** Absent where the loss falls at no rate. */
  readonly suggested?: number;
}

const LOWEST = 1e-6;
const HIGHEST = 1;
const STEPS = 100;
/** Share of the former average in the smoothed loss. */
const SMOOTHING = 0.9;
/** The search ends when the loss is above this multiple of the lowest loss. */
const TOO_HIGH = 4;

/** @throws AppError INTERRUPTED */
export async function tryRates({
  engine,
  model,
  spec,
  onDivided,
  data,
  signal,
  onStep,
}: RateSearch): Promise<FoundRates> {
  const trainer = await engine.trainer(model, spec, onDivided);
  const points: (readonly [number, number])[] = [];
  let [average, lowest] = [0, Infinity];
  try {
    for await (const batch of endless(data)) {
      if (signal.aborted) throw new AppError('INTERRUPTED', 'interrupted while rates were tried');
      const step = points.length;
      const rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1));
      const targets = targetsFor(spec.loss.kind, batch.targets, data.classes);
      const loss = await lossOfStep(() => trainer.step(batch, targets, [rate]));
      if (loss === undefined) break;
      average = SMOOTHING * average + (1 - SMOOTHING) * loss;
      // The average began at 0, so it is too small at first: the division corrects this.
      const smoothed = average / (1 - SMOOTHING ** (step + 1));
      points.push([rate, smoothed]);
      lowest = Math.min(lowest, smoothed);
      onStep(step + 1, STEPS);
      if (points.length >= STEPS || smoothed > TOO_HIGH * lowest) break;
    }
  } finally {
    await trainer.dispose();
  }
  const suggested = suggestedRate(points);
  return { points, ...(suggested !== undefined && { suggested }) };
}

/** The loss of a step; undefined when training diverged, which ends the search. */
async function lossOfStep(step: () => Promise<{ readonly loss: number }>): Promise<number | undefined> {
  try {
    return (await step()).loss;
  } catch (error) {
    if (error instanceof AppError && error.code === 'TRAINING_DIVERGED') return undefined;
    throw error;
  }
}

async function* endless(data: TrainingData) {
  for (let epoch = 0; ; epoch++) yield* data.epoch(epoch, 0);
}

/** Where the loss falls most steeply over the logarithm of the rate, rounded to one digit; undefined where it never falls. */
export function suggestedRate(points: FoundRates['points']): number | undefined {
  let [steepest, rate]: [number, number | undefined] = [0, undefined];
  for (let i = 2; i < points.length - 2; i++) {
    // The slope is taken over four steps, because a single step is noise.
    const slope = points[i + 2]![1] - points[i - 2]![1];
    if (slope < steepest) [steepest, rate] = [slope, points[i]![0]];
  }
  return rate === undefined ? undefined : Number(rate.toPrecision(1));
}
