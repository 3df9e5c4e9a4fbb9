// run-details.ts: what a run in a folder of runs says of itself, for people who look at it: its length, curves, confusion and mistakes.

import { readRun, readRuns, rowsOf, type MetricsRow, type RunHistory } from '../run/history.ts';
import { runPaths } from '../run/run-folder.ts';
import type { Work } from './work.ts';

export { isWorkedIn } from '../run/run-folder.ts';

export interface RunOverview {
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  /** What it was begun from. */
  readonly model: string;
  readonly state: 'finished' | 'unfinished';
  readonly classes?: number;
  /** To learn from and to judge by, together; those to judge by alone, for runs of an earlier finch. */
  readonly pictures?: number;
  /** 0…1 */
  readonly top1?: number;
  readonly seconds?: number;
}

/** An epoch of stage 1, the head, or of stage 2, all weights. */
export interface CurvePoint {
  readonly stage: 1 | 2;
  readonly epoch: number;
  readonly trainLoss?: number;
  readonly valLoss?: number;
  /** 0…1 */
  readonly top1?: number;
}

/** A picture that was set aside, and what the best network says of it. */
interface RunAnswer {
  /** From the dataset's folder, with `/`. */
  readonly file: string;
  readonly truth: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface RunDetails {
  readonly summary: RunOverview;
  readonly curves: readonly CurvePoint[];
  /** `counts[truth][predicted]`, in the order of the classes. */
  readonly confusion: {
    readonly classes: readonly string[];
    readonly counts: readonly (readonly number[])[];
  };
  /** The surest first. */
  readonly errors: readonly RunAnswer[];
}

/** The oldest first; damaged ones are told and left out. */
export async function runOverviews(root: string, work: Work): Promise<readonly RunOverview[]> {
  return (await readRuns(root, (problem) => work.note(problem))).map(overviewOf);
}

function overviewOf({ name, began, model, summary }: RunHistory): RunOverview {
  return {
    name,
    created: new Date(began).toISOString(),
    model,
    state: summary ? 'finished' : 'unfinished',
    ...(summary && {
      classes: summary.classes,
      pictures: summary.samples + (summary.trainSamples ?? 0),
      seconds: summary.seconds,
      ...(summary.top1 !== undefined && { top1: summary.top1 }),
    }),
  };
}

/** @throws AppError USAGE where it is no run's folder, CHECKPOINT_INVALID where its files are damaged */
export async function runDetails(folder: string): Promise<RunDetails> {
  const run = await readRun(folder);
  const answers = (await rowsOf(runPaths(folder).predictions)).map(answerOf);
  const errors = answers.filter(({ truth, predicted }) => truth !== predicted);
  return {
    summary: overviewOf(run),
    curves: run.metrics.map(pointOf),
    confusion: confusionOf(answers),
    errors: errors.toSorted((a, b) => b.probability - a.probability),
  };
}

/** Of a run that may be under way; none before its first epoch. */
export async function runCurves(folder: string): Promise<readonly CurvePoint[]> {
  return (await rowsOf(runPaths(folder).metrics)).map(pointOf);
}

function pointOf(row: MetricsRow): CurvePoint {
  const { stage, epoch, train_loss: train, val_loss: val, val_top1: top1 } = row;
  return {
    stage: stage === 'head' ? 1 : 2,
    epoch: Number(epoch),
    ...(train && { trainLoss: Number(train) }),
    ...(val && { valLoss: Number(val) }),
    ...(top1 && { top1: Number(top1) }),
  };
}

const answerOf = ({ file = '', truth = '', said = '', probability = '' }: MetricsRow): RunAnswer => ({
  file,
  truth,
  predicted: said,
  probability: Number(probability),
});

function confusionOf(answers: readonly RunAnswer[]): RunDetails['confusion'] {
  const classes = [...new Set(answers.flatMap(({ truth, predicted }) => [truth, predicted]))].sort();
  const places = new Map(classes.map((name, i) => [name, i]));
  const counts = classes.map(() => classes.map(() => 0));
  for (const { truth, predicted } of answers) counts[places.get(truth)!]![places.get(predicted)!]! += 1;
  return { classes, counts };
}
