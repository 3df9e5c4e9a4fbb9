// sweep-job.ts: a run of a sweep, and the sweep's results page, as they lie in the queue. They come from outside, so they are checked
// before they are used.

import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { SharedSweep } from '../api/sweep/on-workers.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;
const HASH = z.string().regex(/^[0-9a-f]{64}$/);
/** Of a path, in characters. */
const text = z.string().min(1).max(16_384);

const SWEEP = {
  version: z.literal(VERSION),
  /** The version of finch that submitted it, which is the one that may do it. */
  finch: text,
  folder: text,
  plan: HASH,
  models: z.record(text, HASH),
};
const SWEEP_WORK = z.discriminatedUnion('task', [
  z.object({ ...SWEEP, task: z.literal('run'), name: text }),
  z.object({ ...SWEEP, task: z.literal('page') }),
]);

/** One run, or the page behind all runs. */
export type SweepWork = Readonly<z.output<typeof SWEEP_WORK>>;

export const isSweepWork = (data: unknown): boolean =>
  z.object({ task: z.enum(['run', 'page']) }).safeParse(data).success;

/** @param name of the job, for the message. @throws AppError FILE_INVALID for what finch did not submit */
export const readSweepWork = (data: unknown, name: string): SweepWork =>
  checkedAs(SWEEP_WORK, data, { file: `the run ${name} in the queue`, writer: 'finch sweep' });

/** For people. */
export const sweepLabel = (work: SweepWork) =>
  work.task === 'run' ? `run ${work.name}` : "a sweep's results";

/** What is in the queue of a sweep. @param sweep its id */
export function sweepJobs({ folder, plan, models }: SharedSweep, finch: string) {
  const common = { version: VERSION, finch, folder, plan, models } as const;
  const id = createHash('sha256').update(JSON.stringify(common)).digest('hex').slice(0, 16);
  return {
    run: (name: string, index: number) => ({
      jobId: `${id}-run-${index}`,
      data: { ...common, task: 'run', name } satisfies SweepWork,
    }),
    page: { jobId: `${id}-page`, data: { ...common, task: 'page' } satisfies SweepWork },
  };
}

/** A reason as a failed job has it, `CODE: what is wrong`, as the error that a run on this machine would have ended with. */
export const failureOf = (reason: string) =>
  new AppError('QUEUE_UNAVAILABLE', reason.replace(/^[A-Z_]+: /, ''));

/** Which of the runs a job is, by its id; undefined for another job's. */
export function runIndexOf(id: string): number | undefined {
  const [, index] = /-run-(\d{1,9})$/.exec(id) ?? [];
  return index === undefined ? undefined : Number(index);
}
