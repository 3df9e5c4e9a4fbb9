// stop.ts: the end of a worker: no more shards, and what becomes of those under way.

import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import type { Connection } from './connection.ts';

/** For the queue to hear of what is handed back. */
const LAST_WORD_MS = 5000;

interface Stopping {
  readonly connection: Connection;
  /** How long shards under way may take to their end, in milliseconds. */
  readonly grace: number;
  /** Ends the work on them, upon which they are handed back. */
  readonly giveUp: AbortController;
}

/** Waits for the shards under way; after the time of grace they are handed back. */
export async function stopWorker(worker: Worker, { connection, grace, giveUp }: Stopping): Promise<void> {
  if (connection.isAway()) {
    // Nothing can be handed back, and BullMQ would wait for the server. The queue finds out by itself that this worker is silent.
    giveUp.abort();
    await worker.close(true);
    return;
  }
  const closing = worker.close();
  const over = new AbortController();
  const patience = async () => {
    await delay(grace, undefined, { signal: over.signal });
    giveUp.abort();
    await delay(LAST_WORD_MS, undefined, { signal: over.signal });
  };
  await Promise.race([closing, patience()]).finally(() => over.abort());
  closing.catch(() => {}); // nobody waits for it any more
}
