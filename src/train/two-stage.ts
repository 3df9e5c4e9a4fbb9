// two-stage.ts: how a network learns new classes: first a new head on its present features, then all its weights together.

import type { Weights } from '../graph/layers.ts';
import { withHeadWeights, type HeadWeights } from '../graph/new-head.ts';
import {
  applyHead,
  newHead,
  trainHeadByAdam,
  trainHeadToConvergence,
  type HeadEpoch,
  type HeadJob,
  type HeadMethod,
  type TrainedHead,
} from './head-stage.ts';
import { judge } from '../evaluation/judgement.ts';
import {
  stageTwo,
  type EpochRow,
  type RunProgress,
  type RunTensors,
  type StageTwoEvents,
  type StageTwoJob,
  type StageTwoResult,
} from './stage-two.ts';

interface HeadSettings {
  readonly method: HeadMethod;
  readonly epochs: number;
  readonly rate: number;
  readonly c: number | 'auto';
}

/** Stage 1. */
export interface HeadStage {
  readonly job: Omit<HeadJob, 'epochs' | 'rate'>;
  readonly settings: HeadSettings;
}

export interface TwoStageJob {
  /** Absent when a resumed run continues in stage 2. */
  readonly head?: HeadStage;
  /** The classifier, which the head becomes, and the network's weights before that. */
  readonly classifier: string;
  readonly weights: Weights;
  /** Stage 2 from these weights on, once stage 1 has found them; undefined where there is none. */
  readonly all: (weights: Weights) => Promise<StageTwoJob | undefined>;
}

export interface TwoStageEvents extends StageTwoEvents {
  onHeadEpoch(row: HeadEpoch): void;
  onHead(head: HeadWeights, weights: Weights, progress: RunProgress): Promise<void>;
}

/** Epochs without improvement after which a head that Adam trains has stopped improving. */
const HEAD_PATIENCE = 10;

/** @param from where a resumed run stood */
export async function trainTwoStages(
  job: TwoStageJob,
  events: TwoStageEvents,
  from?: { readonly progress: RunProgress; readonly tensors: RunTensors },
): Promise<StageTwoResult> {
  if (from) {
    const all = await job.all(job.weights);
    return all ? stageTwo(all, events, from.progress, from.tensors) : { progress: from.progress };
  }

  // Stage 1. The backbone is frozen and runs as at inference: batch norm keeps its statistics. Only the head learns.
  if (!job.head) throw new Error('a run without a checkpoint begins with its head');
  const { head, progress } = await learnHead(job.head, (row) => events.onHeadEpoch(row));
  const weights = withHeadWeights(job.weights, job.classifier, head);
  await events.onHead(head, weights, progress);

  // Stage 2. Everything learns from there; how batch norm behaves is the recipe's choice.
  const all = await job.all(weights);
  return all ? stageTwo(all, events, progress) : { progress };
}

/** The trained head, and the progress of a run that has its head and nothing more. */
export async function learnHead(
  { job: given, settings }: HeadStage,
  onEpoch?: (row: HeadEpoch) => void,
): Promise<{ readonly head: HeadWeights; readonly progress: RunProgress }> {
  const job: HeadJob = { ...given, ...settings };
  const converges = settings.method === 'converged' && canConverge(job);
  const trained = await trainHead(job, settings, { converges, onEpoch });
  const rate = converges ? 0 : settings.rate;
  return {
    head: trained.head,
    progress: {
      rows: trained.epochs.map((row): EpochRow => ({ ...row, stage: 'head', rate })),
      best: { ...trained.judgement, stage: 'head', epoch: trained.epoch },
      epoch: 0,
      batch: 0,
      sums: { loss: 0, right: 0, seen: 0 },
    },
  };
}

function trainHead(
  job: HeadJob,
  { epochs, method, c }: HeadSettings,
  {
    converges,
    onEpoch,
  }: { readonly converges: boolean; readonly onEpoch: ((row: HeadEpoch) => void) | undefined },
): TrainedHead | Promise<TrainedHead> {
  if (epochs === 0) return untrained(job);
  if (converges) return trainHeadToConvergence(job, c);
  const patience = method === 'converged' ? HEAD_PATIENCE : Infinity;
  return trainHeadByAdam(job, patience, onEpoch);
}

/** Above this many products in one pass over the features, a pass takes seconds and the engine's small batches finish sooner. */
const MAX_PRODUCTS = 1e10;

/** The engine holds the features twice, each time in two copies: 1.6 GB at most. */
const MAX_NUMBERS = 1e8;

/** Whether there are few enough features to hold and to pass over many times. */
function canConverge({ train, numbers, classes }: HeadJob): boolean {
  return train.rows.length <= MAX_NUMBERS && train.labels.length * numbers * classes <= MAX_PRODUCTS;
}

function untrained({ numbers, classes, multiLabel, rng, val }: HeadJob): TrainedHead {
  const head = newHead(numbers, classes, rng);
  const judgement = judge(applyHead(head, val), { labels: val.labels, classes, multiLabel });
  return { head, judgement, epoch: 0, epochs: [] };
}
