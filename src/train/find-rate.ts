// find-rate.ts: which learning rate suits: one step after another at rates that grow from far too small to far too large.
// It trains weights of its own, and none of them are kept. Sources: Smith, Cyclical Learning Rates (2015), section 3.3, for the
// search; Bengio, Practical Recommendations (2012), section 3.1.1, for what is looked for: the largest rate that does no harm.

import type { EngineModel, OnDivided } from '../engine/engine.ts';
import type { TrainableEngine, TrainSpec } from '../engine/training.ts';
import { AppError } from '../util/errors.ts';
import { ratesOf } from './layer-rates.ts';
import type { TrainingData } from './stage-two.ts';
import { targetsFor } from './targets.ts';

export interface RateSearch {
  readonly engine: TrainableEngine;
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  readonly onDivided?: OnDivided;
  /** The rate of each of the spec's groups, as a share of the one that is tried. */
  readonly rateShares?: readonly number[];
  readonly data: TrainingData;
  readonly signal: AbortSignal;
  readonly onStep: (step: number, of: number) => void;
}

export interface FoundRates {
  /** Rate and smoothed loss of each step. */
  readonly points: readonly (readonly [rate: number, loss: number])[];
  /** Absent where every rate harms. */
  readonly suggested?: number;
}

const LOWEST = 1e-6;
const HIGHEST = 1;
const STEPS = 100;
/** Share of the former average in the smoothed loss. */
const SMOOTHING = 0.9;
/** The search ends when so much more is lost than at the lowest loss, as a share of what a network that knows nothing loses. */
const TOO_HIGH = 0.5;
/** A loss above the lowest by this share has risen; less is the difference between batches. */
const RISEN = 0.05;
/** The smoothed loss tells of a rise when the rate is already several times too large. */
const MARGIN = 10;

/** @throws AppError INTERRUPTED */
export async function tryRates({
  engine,
  model,
  spec,
  onDivided,
  rateShares,
  data,
  signal,
  onStep,
}: RateSearch): Promise<FoundRates> {
  const trainer = await engine.trainer(model, spec, onDivided);
  const points: (readonly [number, number])[] = [];
  const ignorance = spec.loss.kind === 'cross-entropy' ? Math.log(data.classes) : Math.log(2);
  let [average, lowest] = [0, Infinity];
  try {
    for await (const batch of endless(data)) {
      if (signal.aborted) throw new AppError('INTERRUPTED', 'interrupted while rates were tried');
      const step = points.length;
      const rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1));
      const targets = targetsFor(spec.loss.kind, batch.targets, data.classes);
      const loss = await lossOfStep(() => trainer.step(batch, targets, ratesOf(rate, rateShares)));
      if (loss === undefined) break;
      average = SMOOTHING * average + (1 - SMOOTHING) * loss;
      // The average began at 0, so it is too small at first: the division corrects this.
      const smoothed = average / (1 - SMOOTHING ** (step + 1));
      points.push([rate, smoothed]);
      lowest = Math.min(lowest, smoothed);
      onStep(step + 1, STEPS);
      if (points.length >= STEPS || smoothed > lowest + TOO_HIGH * ignorance) break;
    }
  } finally {
    await trainer.dispose();
  }
  const suggested = suggestedRate(points, ignorance);
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

/**
 * A tenth of the last rate before the loss rises, to one digit; undefined where it rises at once. Where the loss falls fastest says
 * nothing here: the head has converged, so the loss is low from the beginning, and what falls is chance.
 * @param ignorance loss of a network that knows nothing: what a rise is measured by
 */
export function suggestedRate(points: FoundRates['points'], ignorance: number): number | undefined {
  const lowest = Math.min(...points.map(([, loss]) => loss));
  const last = points.findLastIndex(([, loss]) => loss <= lowest + RISEN * ignorance);
  return last < 1 ? undefined : Number((points[last]![0] / MARGIN).toPrecision(1));
}
