// counts.ts: how many jobs of a queue are in which state.

import type { Queue } from 'bullmq';

export interface QueueCounts {
  readonly done: number;
  readonly failed: number;
  /** At a worker, perhaps one that is gone. */
  readonly active: number;
  readonly waiting: number;
  /** Failed, and to be tried again after a while. */
  readonly delayed: number;
  /** Those that are neither done nor left as failed. */
  readonly left: number;
}

export async function countsOf(queue: Queue): Promise<QueueCounts> {
  const counts = await queue.getJobCounts('completed', 'failed', 'active', 'waiting', 'waiting-children', 'delayed'); // prettier-ignore
  const of = (state: string) => counts[state] ?? 0;
  const [active, waiting, delayed] = [of('active'), of('waiting') + of('waiting-children'), of('delayed')];
  return {
    done: of('completed'),
    failed: of('failed'),
    active,
    waiting,
    delayed,
    left: active + waiting + delayed,
  };
}
