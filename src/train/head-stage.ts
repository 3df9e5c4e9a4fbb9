// head-stage.ts: stage 1: a new classifier for a network that does not change. It learns on features that were computed once,
// so an epoch takes milliseconds. Runs no network and opens no picture.

import type { Features } from '../engine/engine.ts';
import type { Loss, TrainableEngine } from '../engine/training.ts';
import { headGraph, withHeadWeights, type HeadWeights } from '../graph/new-head.ts';
import { AppError } from '../util/errors.ts';
import type { Rng } from '../util/rng.ts';
import { trainLinearHead } from './linear-head.ts';
import { isBetter, judge, type Judgement, type Truth } from '../evaluation/judgement.ts';
import { rightAnswers, targetsFor, targetsOf } from './targets.ts';

/** Features of labelled pictures. */
export interface FeatureSet {
  /** `[N, numbers]`, row by row. */
  readonly rows: Float32Array;
  readonly labels: readonly (readonly number[])[];
  /** Which rows are views of one picture: its number. By default every row is a picture of its own. */
  readonly pictures?: readonly number[];
}

/** What is heard of the search for a penalty. */
interface PenaltySearch {
  progress(tried: number, total: number): void;
  chosen(c: number): void;
}

export interface HeadJob {
  readonly engine: TrainableEngine;
  /** Each row is a sample; views of one picture may stand in any order. */
  readonly train: FeatureSet;
  readonly val: FeatureSet;
  /** Numbers in a row. */
  readonly numbers: number;
  readonly classes: number;
  readonly multiLabel: boolean;
  readonly epochs: number;
  readonly rate: number;
  readonly batchSize: number;
  readonly loss: Loss;
  /** The run's own generator; it is only forked here. */
  readonly rng: Rng;
  readonly signal?: AbortSignal;
  readonly search?: PenaltySearch;
}

export interface HeadEpoch extends Judgement {
  readonly epoch: number;
  readonly trainLoss: number;
  /** Share of right answers; absent with several labels. */
  readonly trainAccuracy?: number;
}

/** `converged`: trained to the lowest possible loss. `adam`: epochs of small batches, as torch would do them. */
export type HeadMethod = 'converged' | 'adam';

export interface TrainedHead {
  readonly head: HeadWeights;
  readonly judgement: Judgement;
  /** The pass that the head is from: with patience, often an earlier one than the last. */
  readonly epoch: number;
  readonly epochs: readonly HeadEpoch[];
}

/** The initial values of torch.nn.Linear: uniform within 1 / sqrt(features). */
export function newHead(numbers: number, classes: number, rng: Rng): HeadWeights {
  const stream = rng.fork('head');
  const reach = 1 / Math.sqrt(numbers);
  const drawn = (count: number) => Float32Array.from({ length: count }, () => stream.uniform(-reach, reach));
  return { kernel: drawn(numbers * classes), bias: drawn(classes) };
}

/** Logits `[N, classes]` of features. */
export function applyHead({ kernel, bias }: HeadWeights, { rows, labels }: FeatureSet): Float32Array {
  const classes = bias.length;
  const numbers = kernel.length / classes;
  const logits = new Float32Array(labels.length * classes);
  const sums = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    sums.set(bias);
    for (let d = 0; d < numbers; d++) {
      const value = rows[i * numbers + d]!;
      if (value === 0) continue;
      for (let k = 0; k < classes; k++) sums[k]! += value * kernel[d * classes + k]!;
    }
    logits.set(sums, i * classes);
  }
  return logits;
}

/** Epochs of small batches with Adam, as torch would do them; the best of them by validation is the head. */
export async function trainHeadByAdam(
  job: HeadJob,
  patience = Infinity,
  onEpoch?: (row: HeadEpoch) => void,
): Promise<TrainedHead> {
  const { engine, train, val, numbers, classes, multiLabel, batchSize, loss, rng, signal } = job;
  const truth: Truth = { labels: val.labels, classes, multiLabel };
  let head = newHead(numbers, classes, rng);
  let best = { head, judgement: judge(applyHead(head, val), truth), epoch: 0 };
  const epochs: HeadEpoch[] = [];
  const trainer = await engine.trainer(
    {
      graph: headGraph(numbers, classes),
      weights: withHeadWeights(new Map(), 'head', head),
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    { batchSize: Math.min(batchSize, train.labels.length), loss, optimizer: { kind: 'adam' } },
  );
  try {
    for (let epoch = 1; epoch <= job.epochs && epoch - best.epoch <= patience; epoch++) {
      const order = rng.fork('head', epoch).shuffle(Uint32Array.from(train.labels.keys()));
      let [lossSum, right] = [0, 0];
      for (let from = 0; from < order.length; from += batchSize) {
        if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the head was learning');
        const chosen = [...order.subarray(from, from + batchSize)];
        const targets = targetsFor(loss.kind, targetsOf(chosen.map((i) => train.labels[i]!), job), classes); // prettier-ignore
        const result = await trainer.step(gathered(train.rows, numbers, chosen), targets, [job.rate]);
        lossSum += result.loss * chosen.length;
        right += rightAnswers(result.logits.data, targets, classes);
      }
      const weights = await trainer.weights();
      head = { kernel: weights.get('head/kernel')!.data, bias: weights.get('head/bias')!.data };
      const judgement = judge(applyHead(head, val), truth);
      const row = {
        epoch,
        trainLoss: lossSum / order.length,
        ...(!multiLabel && { trainAccuracy: right / order.length }),
        ...judgement,
      };
      epochs.push(row);
      onEpoch?.(row);
      // Without patience the last epoch is kept, as in torch's script; with patience, the best one is.
      if (patience === Infinity || epochs.length === 1 || isBetter(judgement, best.judgement)) {
        best = { head, judgement, epoch };
      }
    }
  } finally {
    await trainer.dispose();
  }
  return { ...best, epochs };
}

/** Some rows of `[N, numbers]`, in the order in which they are named. */
export function gathered(rows: Float32Array, numbers: number, chosen: readonly number[]): Features {
  const data = new Float32Array(chosen.length * numbers);
  chosen.forEach((row, i) => data.set(rows.subarray(row * numbers, (row + 1) * numbers), i * numbers));
  return { data, count: chosen.length };
}

/** Some pictures of a set, without what is known of their views. */
export const someOf = (
  { rows, labels }: FeatureSet,
  numbers: number,
  chosen: readonly number[],
): FeatureSet => ({
  rows: gathered(rows, numbers, chosen).data,
  labels: chosen.map((row) => labels[row]!),
});

/** The pass that the head is from: the last one, as in torch's script, or the best one where training waits for improvement. */
export function keptPass<T extends Judgement>(passes: readonly T[], method: HeadMethod): T | undefined {
  if (method === 'adam') return passes.at(-1);
  return passes.reduce<T | undefined>((best, pass) => (isBetter(pass, best) ? pass : best), undefined);
}

/** Trains the head to the lowest possible loss, with no randomness. One row: every iteration sees all pictures. */
export async function trainHeadToConvergence(job: HeadJob, c: number | 'auto'): Promise<TrainedHead> {
  const { engine, train, val, numbers, classes, multiLabel, loss, search, signal } = job;
  const targets = targetsFor(loss.kind, targetsOf(train.labels, job), classes);
  const trained = await trainLinearHead(
    engine,
    { rows: train.rows, numbers, targets, classes },
    {
      loss,
      c,
      maxIterations: job.epochs,
      ...(train.pictures && { pictures: train.pictures }),
      ...(search && { onPenalty: (tried, total) => search.progress(tried, total) }),
      ...(signal && { signal }),
    },
  );
  if (c === 'auto') search?.chosen(trained.c);
  const head = { kernel: trained.kernel, bias: trained.bias };
  const own = judge(applyHead(head, train), { labels: train.labels, classes, multiLabel });
  const judgement = judge(applyHead(head, val), { labels: val.labels, classes, multiLabel });
  const row = {
    epoch: trained.iterations,
    trainLoss: own.loss,
    ...(!multiLabel && { trainAccuracy: own.score }),
    ...judgement,
  };
  return { head, judgement, epoch: trained.iterations, epochs: [row] };
}
