// two-stage.ts: how a network learns new classes: first a new head on its present features, then all its weights together.

import type { EngineModel } from '../engine/engine.ts';
import { withHeadWeights, type HeadWeights } from '../graph/new-head.ts';
import {
  applyHead,
  newHead,
  trainHeadByAdam,
  trainHeadToConvergence,
  type HeadEpoch,
  type HeadJob,
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
  /** `converged`: trained to the lowest possible loss. `adam`: epochs of small batches, as torch would do them. */
  readonly method: 'converged' | 'adam';
  readonly epochs: number;
  readonly rate: number;
  readonly c: number;
}

export interface TwoStageJob {
  /** Stage 1; absent when a resumed run continues in stage 2. */
  readonly head?: { readonly job: Omit<HeadJob, 'epochs' | 'rate'>; readonly settings: HeadSettings };
  /** The classifier in `all.model`'s graph, which the head becomes. */
  readonly classifier: string;
  readonly all: StageTwoJob;
}

export interface TwoStageEvents extends StageTwoEvents {
  onHeadEpoch(row: HeadEpoch): void;
  onHead(head: HeadWeights, weights: EngineModel['weights'], progress: RunProgress): Promise<void>;
}

/** Epochs without improvement after which a head that Adam trains has stopped improving. */
const HEAD_PATIENCE = 10;

/** @param from where a resumed run stood */
export async function trainTwoStages(
  job: TwoStageJob,
  events: TwoStageEvents,
  from?: { readonly progress: RunProgress; readonly tensors: RunTensors },
): Promise<StageTwoResult> {
  if (from) return stageTwo(job.all, events, from.progress, from.tensors);

  // Stage 1. The backbone is frozen and runs as at inference: batch norm keeps its statistics. Only the head learns.
  const { head, progress } = await learnHead(job, events);
  const weights = withHeadWeights(job.all.model.weights, job.classifier, head);
  await events.onHead(head, weights, progress);

  // Stage 2. Everything learns from there; how batch norm behaves is the recipe's choice.
  if (job.all.epochs === 0) return { progress };
  return stageTwo({ ...job.all, model: { ...job.all.model, weights } }, events, progress);
}

async function learnHead(
  { head: stage, all }: TwoStageJob,
  events: TwoStageEvents,
): Promise<{ readonly head: HeadWeights; readonly progress: RunProgress }> {
  if (!stage) throw new Error('a run without a checkpoint begins with its head');
  const { settings } = stage;
  const job: HeadJob = { ...stage.job, ...settings };
  const converges = settings.method === 'converged' && canConverge(all, job);
  const trained = await trainHead(job, settings, { converges, events });
  const rate = converges ? 0 : settings.rate;
  const rows = trained.epochs.map((row): EpochRow => ({ ...row, stage: 'head', rate }));
  return {
    head: trained.head,
    progress: {
      rows,
      best: { ...trained.judgement, stage: 'head', epoch: rows.at(-1)?.epoch ?? 0 },
      epoch: 0,
      batch: 0,
      sums: { loss: 0, right: 0, seen: 0 },
    },
  };
}

function trainHead(
  job: HeadJob,
  { epochs, method, c }: HeadSettings,
  { converges, events }: { readonly converges: boolean; readonly events: TwoStageEvents },
): TrainedHead | Promise<TrainedHead> {
  if (epochs === 0) return untrained(job);
  if (converges) return trainHeadToConvergence(job, c);
  const patience = method === 'converged' ? HEAD_PATIENCE : Infinity;
  return trainHeadByAdam(job, patience, (row) => events.onHeadEpoch(row));
}

/** Above this many products in one pass over the features, a pass takes seconds and the engine's small batches finish sooner. */
const MAX_PRODUCTS = 1e9;

/** Whether there is one label, a plain loss (it has a single minimum), and few enough features to pass over many times. */
function canConverge({ spec: { loss } }: StageTwoJob, job: HeadJob): boolean {
  const { multiLabel, train, numbers, classes } = job;
  if (train.labels.length * numbers * classes > MAX_PRODUCTS) return false;
  return !multiLabel && loss.kind === 'cross-entropy' && loss.classWeights === undefined;
}

function untrained({ numbers, classes, multiLabel, rng, val }: HeadJob): TrainedHead {
  const head = newHead(numbers, classes, rng);
  const judgement = judge(applyHead(head, val), { labels: val.labels, classes, multiLabel });
  return { head, judgement, epochs: [] };
}
