// worker-pool.ts: threads that answer requests: here the side that asks, `serve` in serve.ts the side that answers.

import { Worker, type Transferable } from 'node:worker_threads';

/** What crosses to a worker and back. */
export interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
}

export interface Answered<Reply> {
  readonly id: number;
  readonly reply: Reply;
}

interface PoolOptions {
  /** The compiled file that serves. */
  readonly script: URL;
  readonly size: number;
  readonly workerData?: unknown;
}

interface Waiting<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Workers that live until `dispose`; each new request goes to the worker with the fewest. */
export class WorkerPool<Request, Reply> {
  readonly #workers: { readonly worker: Worker; pending: number }[];
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #next = 0;

  constructor({ script, size, workerData }: PoolOptions) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(script, { workerData });
      const entry = { worker, pending: 0 };
      worker.on('message', ({ id, reply }: Answered<Reply>) => {
        entry.pending -= 1;
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        waiting?.resolve(reply);
      });
      worker.on('error', (error) => {
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
      });
      return entry;
    });
  }

  /** Rejects only when a worker dies, which is a bug. */
  ask(request: Request, transfer: readonly Transferable[] = []): Promise<Reply> {
    const entry = this.#workers.reduce((a, b) => (b.pending < a.pending ? b : a));
    const id = this.#next++;
    entry.pending += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, request } satisfies Asked<Request>, transfer);
    });
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
