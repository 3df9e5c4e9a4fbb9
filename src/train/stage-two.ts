// stage-two.ts: the training loop: every weight learns, gently enough not to lose what the head has found. It takes batches,
// judges by a function it is given, and says what happened; it opens no picture and writes no file.

import type { Batch, EngineModel, Features, OnDivided } from '../engine/engine.ts';
import type { TrainableEngine, Targets, Trainer, TrainerState, TrainSpec } from '../engine/training.ts';
import { checkState } from '../engine/training/errors.ts';
import type { Weight, Weights } from '../graph/layers.ts';
import { AppError } from '../util/errors.ts';
import { copyWeights, decayAt, updateAverage } from './ema.ts';
import { isBetter, type Judgement } from '../evaluation/judgement.ts';
import { ratesOf } from './layer-rates.ts';
import { lastSideFrom, sideInEpoch } from './picture-sizes.ts';
import { rateAt, stopsEarly, type ScheduleSpec } from './schedule.ts';
import { rightAnswers, targetsFor } from './targets.ts';

/** Pictures, or what a part of the network that does not learn has made of them. */
type LabelledBatch = (Batch | Features) & { readonly targets: Targets };

/** What stage 2 learns from. An epoch has the same batches each time it is asked for. */
export interface TrainingData {
  readonly classes: number;
  readonly multiLabel: boolean;
  readonly stepsPerEpoch: number;
  /** @param skip number of batches that an interrupted epoch has already used */
  epoch(epoch: number, skip: number): AsyncIterable<LabelledBatch>;
}

/** A row of metrics.csv. */
export interface EpochRow extends Judgement {
  readonly stage: 'head' | 'all';
  readonly epoch: number;
  /** The learning rate at the end of the epoch. */
  readonly rate: number;
  readonly trainLoss: number;
  readonly trainAccuracy?: number;
}

/** Where a run stands, as plain data: with RunTensors and the dataset, a run can go on from it. */
export interface RunProgress {
  readonly rows: readonly EpochRow[];
  /** The best so far by validation, and which row it was. */
  readonly best: Judgement & { readonly stage: EpochRow['stage']; readonly epoch: number };
  /** Epochs of stage 2 done, batches done of the current one, and sums over these batches. */
  readonly epoch: number;
  readonly batch: number;
  readonly sums: { readonly loss: number; readonly right: number; readonly seen: number };
}

/** The tensors that belong to a RunProgress. */
export interface RunTensors {
  readonly trainer: TrainerState;
  /** The averaged weights. */
  readonly average?: Weights;
}

export interface StageTwoJob {
  readonly engine: TrainableEngine;
  /** With the head of stage 1 in it. */
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  readonly onDivided?: OnDivided;
  readonly schedule: ScheduleSpec;
  /** The rate of each of the spec's groups, as a share of the schedule's; all 1 by default. */
  readonly rateShares?: readonly number[];
  readonly epochs: number;
  /** The epoch at which the schedule and the patience begin: that of the run, or where a finished run went on with more epochs. */
  readonly begin?: number;
  /**
   * Sides of the square pictures that `data` gives, one after the other, each for an equal share of the epochs; absent: those of `spec`.
   * Whether a run gains is looked at from the first epoch of the last size on: before it, the network is judged by larger pictures
   * than it learns from.
   */
  readonly sides?: readonly number[];
  /** Decay of the averaged weights, which are what is judged and kept. */
  readonly ema?: number;
  readonly patience?: number;
  /** Epochs within which the score or the loss has to surpass all before, the head's among them, or the run ends. */
  readonly gainWithin?: number;
  readonly data: TrainingData;
  readonly judge: (weights: Weights) => Promise<Judgement>;
  readonly signal: AbortSignal;
  /** Milliseconds between checkpoints within an epoch. */
  readonly checkpointEvery: number;
  /** On the clock of `performance.now()`: an epoch ends there at the latest, and the run with it. */
  readonly deadline?: number;
}

/** How the loop reports what happens; it waits for every call. */
export interface StageTwoEvents {
  onStep(step: StepReport): void;
  /** Called when an epoch is better than all before. */
  onBest(weights: Weights, progress: RunProgress): Promise<void>;
  onEpoch(row: EpochRow, weights: Weights, progress: RunProgress): Promise<void>;
  /** Called with a state to keep, from which the run can go on. */
  onCheckpoint(progress: RunProgress, tensors: RunTensors): Promise<void>;
}

export interface StepReport {
  readonly epoch: number;
  /** Steps done in this epoch, of how many. */
  readonly batch: number;
  readonly stepsPerEpoch: number;
  /** Of the run. */
  readonly epochs: number;
  readonly pictures: number;
  readonly loss: number;
  readonly accuracy: number | undefined;
}

export interface StageTwoResult {
  readonly progress: RunProgress;
  /** Why it ended before its last epoch. */
  readonly ended?: 'patience' | 'no gain' | 'deadline' | AppError;
}

/** @throws AppError INTERRUPTED, after a checkpoint, once `signal` is aborted */
export async function stageTwo(
  job: StageTwoJob,
  events: StageTwoEvents,
  from: RunProgress,
  tensors?: RunTensors,
): Promise<StageTwoResult> {
  const side = sideNow(job, from);
  const isFresh = from.epoch === 0 && from.batch === 0;
  // What can be known of a step of the largest pictures is told before the first epoch, and not in the middle of the run.
  if (isFresh && side !== job.sides?.at(-1)) await (await trainerFor(job, undefined)).dispose();
  const learner: Learner = { side, trainer: await trainerFor(job, side), average: undefined, progress: from };
  try {
    if (tensors) await learner.trainer.restore(tensors.trainer);
    learner.average = job.ema ? averageFrom(job.model.weights, tensors) : undefined;
    return await loop(job, events, learner);
  } finally {
    await learner.trainer.dispose();
  }
}

/** Side of the pictures of the epoch that comes; undefined where it is the spec's. */
const sideNow = ({ sides, begin = 0, epochs }: StageTwoJob, { epoch }: RunProgress) =>
  sides && sideInEpoch(sides, epoch, { begin, epochs });

function trainerFor(
  { engine, model, spec, onDivided }: StageTwoJob,
  side: number | undefined,
): Promise<Trainer> {
  return engine.trainer(model, side === undefined ? spec : { ...spec, size: [side, side] }, onDivided);
}

/** Where the epoch that comes has pictures of another size, another trainer goes on with the weights and the optimizer's state. */
async function fitToSize(job: StageTwoJob, learner: Learner): Promise<void> {
  const side = sideNow(job, learner.progress);
  if (side === learner.side) return;
  const state = await learner.trainer.state();
  // Before the next one needs memory.
  await learner.trainer.dispose();
  learner.trainer = await trainerFor(job, side);
  await learner.trainer.restore(state);
  learner.side = side;
}

/** @throws AppError CHECKPOINT_INVALID when a checkpoint's average is of another network */
function averageFrom(weights: Weights, tensors: RunTensors | undefined): Map<string, Weight> {
  if (!tensors) return copyWeights(weights);
  const { average = new Map<string, Weight>() } = tensors;
  checkState(average, [...weights].map(([name, { shape }]) => [name, shape])); // prettier-ignore
  return copyWeights(new Map([...weights.keys()].map((name) => [name, average.get(name)!])));
}

interface Learner {
  trainer: Trainer;
  /** Of the pictures that the trainer takes; undefined where it is the spec's. */
  side: number | undefined;
  average: Map<string, Weight> | undefined;
  progress: RunProgress;
}

async function loop(job: StageTwoJob, events: StageTwoEvents, learner: Learner): Promise<StageTwoResult> {
  if (learner.progress.epoch === 0 && learner.progress.batch === 0) await checkpoint(learner, events);
  while (learner.progress.epoch < job.epochs) {
    if (hasStalled(learner.progress, job)) return { progress: learner.progress, ended: 'patience' };
    if (sinceGain(learner.progress, job) >= (job.gainWithin ?? Infinity))
      return { progress: learner.progress, ended: 'no gain' };
    if (isOver(job)) return { progress: learner.progress, ended: 'deadline' };
    await fitToSize(job, learner);
    try {
      await learnEpoch(job, events, learner);
    } catch (error) {
      if (error instanceof AppError && error.code === 'TRAINING_DIVERGED') {
        return { progress: learner.progress, ended: error };
      }
      throw error;
    }
    const weights = learner.average ?? (await learner.trainer.weights());
    const row = await judgedRow(job, learner.progress, weights);
    if (!Number.isFinite(row.loss)) return { progress: learner.progress, ended: diverged(row) };
    const { best, rows, epoch } = learner.progress;
    const better = isBetter(row, best);
    learner.progress = {
      rows: [...rows, row],
      best: better ? row : best,
      epoch: epoch + 1,
      batch: 0,
      sums: { loss: 0, right: 0, seen: 0 },
    };
    if (better) await events.onBest(weights, learner.progress);
    await events.onEpoch(row, weights, learner.progress);
    await checkpoint(learner, events);
    if (job.signal.aborted && learner.progress.epoch < job.epochs) throw interrupted();
  }
  return { progress: learner.progress };
}

/** One pass over the pictures, or the rest of one. Batch norm is as the spec says: frozen statistics, or the batch's own. */
async function learnEpoch(job: StageTwoJob, events: StageTwoEvents, learner: Learner): Promise<void> {
  const { data, spec } = job;
  const { classes, multiLabel, stepsPerEpoch } = data;
  let saved = performance.now();
  for await (const batch of data.epoch(learner.progress.epoch, learner.progress.batch)) {
    const { progress } = learner;
    const targets = targetsFor(spec.loss.kind, batch.targets, classes);
    const rate = rateNow(job, progress);
    const { loss, logits } = await learner.trainer.step(batch, targets, ratesOf(rate, job.rateShares));
    const { sums } = progress;
    const seen = {
      loss: sums.loss + loss * batch.count,
      right: sums.right + (multiLabel ? 0 : rightAnswers(logits.data, targets, classes)),
      seen: sums.seen + batch.count,
    };
    learner.progress = { ...progress, batch: progress.batch + 1, sums: seen };
    if (learner.average) await averageIn(learner, job);
    events.onStep({
      epoch: progress.epoch + 1,
      batch: learner.progress.batch,
      stepsPerEpoch,
      epochs: job.epochs,
      pictures: batch.count,
      loss: seen.loss / seen.seen,
      accuracy: multiLabel ? undefined : seen.right / seen.seen,
    });
    const isLast = learner.progress.batch >= stepsPerEpoch;
    if (isOver(job)) return;
    if (job.signal.aborted && !isLast) {
      await checkpoint(learner, events);
      throw interrupted();
    }
    if (performance.now() - saved >= job.checkpointEvery && !isLast) {
      await checkpoint(learner, events);
      saved = performance.now();
    }
  }
}

async function averageIn(
  { trainer, average, progress }: Learner,
  { data, ema = 0 }: StageTwoJob,
): Promise<void> {
  const step = progress.epoch * data.stepsPerEpoch + progress.batch;
  updateAverage(average!, await trainer.weights(), decayAt(step, ema));
}

function rateNow(
  { schedule, epochs, begin = 0, data }: StageTwoJob,
  { epoch, batch, rows }: RunProgress,
): number {
  const { stepsPerEpoch } = data;
  const losses = rowsSince(rows, begin).map(({ loss }) => loss);
  const done = epoch - begin + batch / stepsPerEpoch;
  return rateAt(schedule, { epoch: done, epochs: epochs - begin, stepsPerEpoch, losses });
}

/** Of stage 2. */
const rowsSince = (rows: readonly EpochRow[], begin: number) =>
  rows.filter(({ stage, epoch }) => stage === 'all' && epoch > begin);

async function judgedRow(job: StageTwoJob, progress: RunProgress, weights: Weights): Promise<EpochRow> {
  const { loss, right, seen } = progress.sums;
  return {
    stage: 'all',
    epoch: progress.epoch + 1,
    rate: rateNow(job, { ...progress, batch: progress.batch - 1 }),
    trainLoss: loss / seen,
    ...(!job.data.multiLabel && { trainAccuracy: right / seen }),
    ...(await job.judge(weights)),
  };
}

function hasStalled({ rows }: RunProgress, job: StageTwoJob): boolean {
  const { patience } = job;
  const scores = rowsSince(rows, judgedFrom(job)).map(({ score }) => score);
  return patience !== undefined && stopsEarly(scores, patience);
}

/** Epochs that are done before a run is ended for what it does not gain. */
const judgedFrom = ({ sides, begin = 0, epochs }: StageTwoJob) =>
  sides ? lastSideFrom(sides, { begin, epochs }) : begin;

/** Epochs since the score or the loss was better than all before, the head's among them. */
function sinceGain({ rows }: RunProgress, job: StageTwoJob): number {
  const from = job.sides ? judgedFrom(job) : 0;
  let [score, loss, since] = [-Infinity, Infinity, 0];
  for (const row of rows) {
    const isGain = row.score > score || row.loss < loss;
    since = row.stage === 'head' || row.epoch <= from || isGain ? 0 : since + 1;
    score = Math.max(score, row.score);
    loss = Math.min(loss, row.loss);
  }
  return since;
}

const isOver = ({ deadline = Infinity }: StageTwoJob) => performance.now() >= deadline;

async function checkpoint({ trainer, average, progress }: Learner, events: StageTwoEvents): Promise<void> {
  await events.onCheckpoint(progress, { trainer: await trainer.state(), ...(average && { average }) });
}

function diverged({ loss, epoch }: EpochRow): AppError {
  return new AppError(
    'TRAINING_DIVERGED',
    `the validation loss became ${loss} in epoch ${epoch}; try a rate ten times smaller (--lr), --warmup-epochs or --clip-norm`,
  );
}

function interrupted(): AppError {
  return new AppError('INTERRUPTED', 'interrupted; the run is saved');
}
