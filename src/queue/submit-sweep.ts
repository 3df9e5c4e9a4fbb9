// submit-sweep.ts: puts the runs of a sweep into the queue as a flow: each run is a job of its own, and the results page is the job behind
// all of them. The same sweep again adds only what is not in the queue.

import { shareSweep } from '../api/sweep/on-workers.ts';
import type { Work } from '../api/work.ts';
import type { QueuePlace } from '../config/redis.ts';
import type { SweepConfig } from '../config/sweep.ts';
import { packageVersion } from '../util/package.ts';
import { withQueue } from './connection.ts';
import { sweepJobs } from './sweep-job.ts';

/** A run that fails for a reason of its machine goes well on another. */
const ATTEMPTS = 3;
/** Before a run is tried again; each time twice as long. */
const BACKOFF_MS = 5000;

export interface SubmittedSweep {
  readonly folder: string;
  readonly runs: number;
  /** Fewer where the queue had some of them already. */
  readonly added: number;
}

/** @throws AppError as `runSweep`, before anything is in the queue; QUEUE_UNAVAILABLE */
export function submitSweep(config: SweepConfig, place: QueuePlace, work: Work): Promise<SubmittedSweep> {
  return withQueue(place, work, async ({ bullMq, options, queue }) => {
    const { runs, ...shared } = await shareSweep(config, work);
    const jobs = sweepJobs(shared, packageVersion());
    const each = {
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: BACKOFF_MS },
      stackTraceLimit: 0,
    };
    const flow = new bullMq.FlowProducer(options);
    // The connection tells what is wrong with the server.
    flow.on('error', () => {});
    const { jobId, data } = jobs.page;
    const before = await queue.getJobCountByTypes();
    await flow
      .add({
        name: data.task,
        queueName: place.queue,
        data,
        opts: { ...each, jobId },
        children: runs.map((name, i) => {
          const run = jobs.run(name, i);
          // A run that failed is a row of the page.
          const opts = { ...each, jobId: run.jobId, ignoreDependencyOnFailure: true };
          return { name: run.data.task, queueName: place.queue, data: run.data, opts };
        }),
      })
      .finally(() => flow.close());
    // The page behind them is no run.
    const added = Math.min(runs.length, (await queue.getJobCountByTypes()) - before);
    return { folder: shared.folder, runs: runs.length, added };
  });
}
