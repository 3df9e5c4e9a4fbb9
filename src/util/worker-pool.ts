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

interface PoolWorker {
  readonly worker: Worker;
  pending: number;
}

/** Workers that start as they are needed and live until `dispose`; each new request goes to the worker with the fewest. */
export class WorkerPool<Request, Reply> {
  readonly #options: PoolOptions;
  readonly #workers: PoolWorker[] = [];
  readonly #waiting = new Map<number, Waiting<Reply>>();
  #next = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Rejects only when a worker dies, which is a bug. */
  ask(request: Request, transfer: readonly Transferable[] = []): Promise<Reply> {
    const entry = this.#leastBusy();
    const id = this.#next++;
    entry.pending += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, request } satisfies Asked<Request>, transfer);
    });
  }

  #leastBusy(): PoolWorker {
    const [first, ...others] = this.#workers;
    const least = first && others.reduce((a, b) => (b.pending < a.pending ? b : a), first);
    const isFull = this.#workers.length === this.#options.size;
    return least && (least.pending === 0 || isFull) ? least : this.#start();
  }

  #start(): PoolWorker {
    const { script, workerData } = this.#options;
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
    this.#workers.push(entry);
    return entry;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
