// decoding-ahead.ts: a thread for pictures that starts while the program is still being loaded. For one picture, both take about as long.

import { Worker } from 'node:worker_threads';
import { shareBudget } from '../util/memory-budget.ts';

/** The thread's script. */
export const DECODE_WORKER = new URL('./decode-worker.js', import.meta.url);

let ahead: Worker | undefined;

/**
 * Starts the thread that the next preparer takes. A command that ends before it has pictures does not wait for it. Its environment is the
 * process's at this moment: what flags put there later it does not see.
 */
export function startDecodingAhead(): void {
  shareBudget();
  const worker = new Worker(DECODE_WORKER);
  const forget = () => {
    if (ahead === worker) ahead = undefined;
  };
  // Who asks a thread later starts another one, and is told what is wrong with it.
  worker.once('error', forget).once('exit', forget).unref();
  ahead = worker;
}

/** The thread that was started ahead, if there is one. */
export function takeDecodingAhead(): Worker | undefined {
  const taken = ahead;
  ahead = undefined;
  taken?.ref();
  return taken;
}
