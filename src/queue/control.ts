// control.ts: pauses a queue, lets it go on, tries again what has failed, and clears it.

import type { Work } from '../api/work.ts';
import type { QueuePlace } from '../config/redis.ts';
import { AppError } from '../util/errors.ts';
import { withQueue } from './connection.ts';
import { countsOf } from './counts.ts';

/** Failed shards that are asked for together. */
const PAGE = 500;

/** No worker takes a shard until the queue goes on; those under way are finished. */
export const pauseQueue = (place: QueuePlace, work: Work): Promise<void> => withQueue(place, work, ({ queue }) => queue.pause()); // prettier-ignore

export const resumeQueue = (place: QueuePlace, work: Work): Promise<void> => withQueue(place, work, ({ queue }) => queue.resume()); // prettier-ignore

/** Puts the failed shards back, with all their attempts. @returns how many */
export function retryFailed(place: QueuePlace, work: Work): Promise<number> {
  return withQueue(place, work, async ({ queue }) => {
    // One that fails again meanwhile is not counted twice.
    const ids = new Set<string>();
    for (let { failed } = await countsOf(queue); failed > 0; failed -= PAGE) {
      for (const job of await queue.getFailed(0, PAGE - 1)) {
        if (ids.has(`${job.id}`)) continue;
        await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
        ids.add(`${job.id}`);
      }
    }
    return ids.size;
  });
}

/** Empties the queue; the shards on the disk stay. @returns how many jobs it had. @throws AppError USAGE while shards are under way */
export function clearQueue(place: QueuePlace, work: Work): Promise<number> {
  return withQueue(place, work, async ({ queue }) => {
    const { active, done, failed, left } = await countsOf(queue);
    if (active > 0) throw new AppError('USAGE', `${active} ${active === 1 ? 'shard is' : 'shards are'} under way; stop the workers, or finch queue pause, and wait`); // prettier-ignore
    await queue.obliterate({ count: PAGE });
    return done + failed + left;
  });
}
