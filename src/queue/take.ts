// take.ts: what a worker does with one job of the queue: looks whether it may, does the shard, and says how it went. A shard that it
// cannot or may not finish is handed back as it was: this counts as no attempt.

import type { Job } from 'bullmq';
import type { ShardRun } from '../api/sharding/one-shard.ts';
import type { Work } from '../api/work.ts';
import { AppError, messageOf } from '../util/errors.ts';
import type { BullMq } from './connection.ts';
import { UnusableShard, type Fitness } from './fitness.ts';
import type { DoneShard } from './job.ts';

interface Taker {
  readonly bullMq: BullMq;
  readonly fitness: Fitness;
  /** Its end is when shards under way are handed back. */
  readonly work: Work;
  /** This worker takes no more shards. */
  readonly pause: () => Promise<void>;
  /** Told why this worker may not do what is in the queue. */
  readonly refuse: (reason: unknown) => void;
  /** Told of each shard that is done, with the seconds that it took. */
  readonly onDone: (run: ShardRun, seconds: number) => void;
}

/** The function that BullMQ calls with each job, and with the token that says whose it is. */
export function taker({ bullMq, fitness, work, pause, refuse, onDone }: Taker) {
  const handBack = async (job: Job, token: string | undefined): Promise<never> => {
    // Else this worker would be the next to take it.
    await pause();
    await job.moveToWait(token);
    throw new bullMq.WaitingError();
  };
  return async (job: Job, token?: string): Promise<DoneShard> => {
    const began = performance.now();
    const model = await fitness
      .open(job.data, `${job.id}`, () => job.getIgnoredChildrenFailures())
      .catch((error: unknown) => {
        if (error instanceof UnusableShard) throw new bullMq.UnrecoverableError(reasonOf(error));
        if (!work.signal.aborted) refuse(error);
        return handBack(job, token);
      });
    try {
      const run = await model.run();
      onDone(run, (performance.now() - began) / 1000);
      const { pictures, failed, wasThere } = run;
      return { pictures, failed, wasThere };
    } catch (error) {
      if (work.signal.aborted) return await handBack(job, token);
      // Wrong usage is wrong the next time too.
      const isForGood = error instanceof AppError && error.code === 'USAGE';
      throw isForGood ? new bullMq.UnrecoverableError(reasonOf(error)) : new Error(reasonOf(error), { cause: error }); // prettier-ignore
    } finally {
      await model.close();
    }
  };
}

/** One line, as rows of errors have it. */
const reasonOf = (error: unknown) =>
  error instanceof AppError ? `${error.code}: ${error.message}` : messageOf(error);
