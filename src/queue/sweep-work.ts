// sweep-work.ts: what a worker does for a sweep: makes one of its runs, or writes the page of all.

import { makeSharedRun, openSharedSweep, writeSharedResults } from '../api/sweep/on-workers.ts';
import type { ShardModel } from '../api/sharding/shard-model.ts';
import type { Work } from '../api/work.ts';
import type { WorkerConfig } from '../config/queue.ts';
import type { AppError } from '../util/errors.ts';
import { failureOf, runIndexOf, type SweepWork } from './sweep-job.ts';

/** Why runs failed, by the ids of their jobs, as the queue keeps it. */
export type FailedChildren = () => Promise<Readonly<Record<string, string>>>;

/** @throws AppError QUEUE_UNAVAILABLE where this machine does not see the sweep's folder or pictures */
export async function openSweepWork(
  job: SweepWork,
  { own, failed }: { readonly own: WorkerConfig['own']; readonly failed: FailedChildren },
  work: Work,
): Promise<Pick<ShardModel, 'run' | 'close'>> {
  const plan = await openSharedSweep(job, { ...(job.task === 'run' && { name: job.name }), own: ofMachine(own) }, work); // prettier-ignore
  const { folder } = job;
  return {
    async run() {
      if (job.task === 'run') {
        const isNew = await makeSharedRun({ folder, name: job.name, own: ofMachine(own) }, plan, work);
        return { file: job.name, wasThere: !isNew, pictures: 0, failed: 0 };
      }
      const failures = new Map<string, AppError>();
      for (const [id, reason] of Object.entries(await failed())) {
        const run = plan.runs[runIndexOf(id) ?? -1];
        if (run) failures.set(run.name, failureOf(reason));
      }
      await writeSharedResults(folder, plan, failures, work);
      return { file: `the results in ${folder}`, wasThere: false, pictures: 0, failed: 0 };
    },
    close: async () => {},
  };
}

/** The size of a batch is part of what is learnt: a run keeps its own. */
const ofMachine = ({ threads, offline }: WorkerConfig['own']) => ({
  ...(threads !== undefined && { threads }),
  ...(offline && { offline }),
});
