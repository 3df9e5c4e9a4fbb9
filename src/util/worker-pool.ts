// worker-pool.ts: threads that answer requests: this file is the side that asks, `serve` in serve.ts is the side that answers.

import { Worker, type ResourceLimits } from 'node:worker_threads';
import { AppError, systemCode } from './errors.ts';
import { releaseMemoryOf } from './memory-budget.ts';

/** What crosses to a worker and back. */
export interface Asked<Request> {
  readonly id: number;
  readonly request: Request;
}

export type Answered<Reply> =
  { readonly id: number; readonly reply: Reply } | { readonly id: number; readonly error: Error };

interface PoolOptions {
  /** The compiled file that serves. */
  readonly script: URL;
  readonly size: number;
  readonly workerData?: unknown;
  readonly resourceLimits?: ResourceLimits;
  /** A thread with this script that has been started already, if there is one. */
  readonly ahead?: () => Worker | undefined;
}

interface Waiting<Request, Reply> {
  readonly request: Request;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  /** The request was with a worker that died: it is sent again alone, so that only the request that caused the death fails. */
  readonly isAlone: boolean;
}

interface PoolWorker<Request, Reply> {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting<Request, Reply>>;
}

/**
 * Workers that start as they are needed and live until `dispose`; each new request goes to the worker with the fewest. One that dies
 * is replaced.
 */
export class WorkerPool<Request, Reply> {
  readonly #options: PoolOptions;
  readonly #workers = new Set<PoolWorker<Request, Reply>>();
  /** Ends when all requests of dead workers have been sent again. */
  #again: Promise<void> = Promise.resolve();
  #next = 0;
  #isDisposed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** @throws AppError OUT_OF_MEMORY when the request killed its worker; what the worker threw, which is a bug */
  ask(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) =>
      this.#send(this.#leastBusy(), { request, resolve, reject, isAlone: false }),
    );
  }

  #send({ worker, waiting }: PoolWorker<Request, Reply>, asked: Waiting<Request, Reply>): void {
    const id = this.#next++;
    waiting.set(id, asked);
    worker.postMessage({ id, request: asked.request } satisfies Asked<Request>);
  }

  #leastBusy(): PoolWorker<Request, Reply> {
    const [first, ...others] = this.#workers;
    const least = first && others.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a), first);
    const isFull = this.#workers.size >= this.#options.size;
    return least && (least.waiting.size === 0 || isFull) ? least : this.#start();
  }

  #start(): PoolWorker<Request, Reply> {
    const { script, ahead, size: _, ...rest } = this.#options;
    const worker = ahead?.() ?? new Worker(script, rest);
    const thread = worker.threadId;
    const entry: PoolWorker<Request, Reply> = { worker, waiting: new Map() };
    worker.on('message', (answered: Answered<Reply>) => {
      const asked = entry.waiting.get(answered.id);
      entry.waiting.delete(answered.id);
      if ('error' in answered) asked?.reject(answered.error);
      else asked?.resolve(answered.reply);
    });
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    worker.on('exit', () => {
      this.#workers.delete(entry);
      releaseMemoryOf(thread);
      for (const asked of entry.waiting.values()) this.#retry(asked, cause);
    });
    this.#workers.add(entry);
    return entry;
  }

  #retry(asked: Waiting<Request, Reply>, cause: unknown): void {
    if (asked.isAlone) {
      asked.reject(causeOfDeath(cause));
      return;
    }
    this.#again = this.#again.then(
      () =>
        new Promise<void>((done) => {
          if (this.#isDisposed) return;
          this.#send(this.#start(), {
            request: asked.request,
            resolve: (reply) => (done(), asked.resolve(reply)),
            reject: (error) => (done(), asked.reject(error)),
            isAlone: true,
          });
        }),
    );
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const workers = [...this.#workers];
    for (const { waiting } of workers) waiting.clear();
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
  }
}

function causeOfDeath(cause: unknown): unknown {
  if (systemCode(cause) !== 'ERR_WORKER_OUT_OF_MEMORY') return cause ?? new Error('a worker ended by itself');
  return new AppError('OUT_OF_MEMORY', 'it needs more memory than there is', { cause });
}
