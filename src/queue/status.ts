// status.ts: how far a queue is, as its server knows it. Changes nothing.

import type { Job, Queue } from 'bullmq';
import { throwIfAborted, type Work } from '../api/work.ts';
import type { QueuePlace } from '../config/redis.ts';
import type { QueueFailure, QueueStatus } from '../report/queue.ts';
import { AppError } from '../util/errors.ts';
import { withQueue } from './connection.ts';
import { countsOf } from './counts.ts';
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
    const [shards, isPaused, workers] = await Promise.all([
      countsOf(queue),
      queue.isPaused(),
      queue.getWorkersCount().catch(() => undefined), // some servers do not list who is connected
    ]);
    const finished: FinishedShard[] = [];
    let [pictures, failed] = [0, 0];
    let hasSweeps = await nextIsOfSweep(queue);
    for await (const job of completedJobs(queue, shards.done, work)) {
      hasSweeps ||= isSweepWork(job.data);
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
      ...(workers !== undefined && { workers }),
      shards,
      hasSweeps,
      pictures: { done: pictures, failed },
      ...(rate && { rate }),
      ...(left !== undefined && { secondsLeft: left }),
      failures: failures.map(failureOf),
    };
  });
}

/** Of the jobs that are not done, the first and the last of each state say it for all: a queue is seldom of both kinds. */
async function nextIsOfSweep(queue: Queue): Promise<boolean> {
  const at = (place: number) =>
    queue.getJobs(['active', 'waiting', 'waiting-children', 'delayed', 'failed'], place, place);
  const jobs = await Promise.all([at(0), at(-1)]);
  return jobs.flat().some(({ data }) => isSweepWork(data));
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
