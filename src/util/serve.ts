// serve.ts: the worker's side of worker-pool.ts: answers the requests that come, in order, a few at a time.

import { parentPort, type Transferable } from 'node:worker_threads';
import type { Answered, Asked } from './worker-pool.ts';

interface Answer {
  readonly reply: unknown;
  /** Buffers that are handed over, not copied. */
  readonly transfer?: readonly Transferable[];
}

/** @param atATime how many requests are worked on at once */
export function serve(atATime: number, answer: (request: never) => Promise<Answer>): void {
  const waiting: Asked<never>[] = [];
  let running = 0;
  const work = async () => {
    if (running >= atATime) return;
    running += 1;
    for (let asked = waiting.shift(); asked; asked = waiting.shift()) {
      const { id, request } = asked;
      try {
        const { reply, transfer = [] } = await answer(request);
        parentPort!.postMessage({ id, reply } satisfies Answered<unknown>, transfer);
      } catch (thrown) {
        // A bug in one request is that request's: the others go on.
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        parentPort!.postMessage({ id, error } satisfies Answered<unknown>);
      }
    }
    running -= 1;
  };
  parentPort!.on('message', (asked: Asked<never>) => {
    waiting.push(asked);
    void work();
  });
}
