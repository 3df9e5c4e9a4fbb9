// status.ts: how far a queue is, as its server knows it. Changes nothing.

import type { Job, Queue } from 'bullmq';
import { throwIfAborted, type Work } from '../api/work.ts';
import type { QueuePlace } from '../config/redis.ts';
import type { QueueFailure, QueueStatus } from '../report/queue.ts';
import { AppError } from '../util/errors.ts';
import { withQueue } from './connection.ts';
import { countsOf, STATES } from './counts.ts';
import { rateOf, secondsLeft, type FinishedShard } from './figures.ts';
import { isSweepWork, readSweepWork, sweepLabel } from './sweep-job.ts';
import { jobLabel, readDone, readShard, shardLabel } from './job.ts';

/** Jobs that are asked for together. */
const PAGE = 1000;
/** Failures that are listed. */
const MAX_FAILURES = 100;

/** @param now milliseconds since 1970 */
export function queueStatus(place: QueuePlace, work: Work, now: number): Promise<QueueStatus> {
  return withQueue(place, work, async ({ queue }) => {
    const [shards, isSweep, isPaused, workers] = await Promise.all([
      countsOf(queue),
      hasRunsAlone(queue),
      queue.isPaused(),
      queue.getWorkersCount().catch(() => undefined), // some servers do not list who is connected
    ]);
    const finished: FinishedShard[] = [];
    let [pictures, failed] = [0, 0];
    for await (const job of completedJobs(queue, shards.done, work)) {
      const done = readDone(job.returnvalue);
      if (!done) continue;
      pictures += done.pictures;
      failed += done.failed;
      finished.push({ ...done, startedAt: job.processedOn ?? 0, finishedAt: job.finishedOn ?? 0 });
    }
    const last = finished.reduce((latest, { finishedAt }) => Math.max(latest, finishedAt), 0);
    const rate = rateOf(finished, shards.left === 0 ? last : now);
    const left = secondsLeft(shards.left, rate);
    const failures = await queue.getFailed(0, MAX_FAILURES - 1);
    return {
      queue: place.queue,
      server: place.shown,
      isPaused,
      isSweep,
      ...(workers !== undefined && { workers }),
      shards,
      pictures: { done: pictures, failed },
      ...(rate && { rate }),
      ...(left !== undefined && { secondsLeft: left }),
      failures: failures.map(failureOf),
    };
  });
}

/** Whether the first job of each state is of a sweep, whose jobs are runs and count no pictures. */
async function hasRunsAlone(queue: Queue): Promise<boolean> {
  const first = await queue.getJobs([...STATES], 0, 0);
  return first.length > 0 && first.every(({ data }) => isSweepWork(data));
}

async function* completedJobs(queue: Queue, count: number, work: Work): AsyncGenerator<Job, void, undefined> {
  for (let first = 0; first < count; first += PAGE) {
    throwIfAborted(work);
    yield* await queue.getCompleted(first, first + PAGE - 1);
  }
}

function failureOf({ id, data, failedReason, attemptsMade }: Job): QueueFailure {
  return { shard: labelOf(data, id), attempts: attemptsMade, reason: failedReason };
}

function labelOf(data: unknown, id: string | undefined): string {
  try {
    if (isSweepWork(data)) return sweepLabel(readSweepWork(data, `${id}`));
    return shardLabel(readShard(data, `${id}`));
  } catch (error) {
    if (error instanceof AppError) return jobLabel(id);
    throw error;
  }
}
