// loader.ts: pictures prepared ahead of their use, in order and a bounded number at a time, in workers, which leave this
// thread to the engine.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { prepareImage, type PreparedImage, type PrepareOptions } from './prepare.ts';
import type { ImageReference } from './source.ts';

/** What a worker is asked; `content` without its error, which needs no worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly reference: ImageReference;
}

/** What it answers; errors cross threads as code and message. */
export interface WorkerReply {
  readonly id: number;
  readonly result:
    | Exclude<PreparedImage, { readonly error: AppError }>
    | { readonly file: string; readonly code: AppError['code']; readonly message: string };
}

/**
 * Reads, decodes and preprocesses pictures ahead of their use. Workers live as long as the iteration.
 * @param batchSize how many the engine takes at a time. It keeps this thread busy meanwhile, so that the workers need that
 *   many to go on with, besides the batch that is being gathered and one in each worker's hands.
 */
export async function* loadImages(
  references: AsyncIterable<ImageReference>,
  options: PrepareOptions,
  batchSize: number,
): AsyncGenerator<PreparedImage, void, undefined> {
  const cores = availableParallelism();
  let pool: WorkerPool | undefined;
  try {
    yield* mapOrdered(references, 2 * (batchSize + cores), (reference) => {
      if ('error' in reference.content) return prepareImage(reference, options);
      pool ??= new WorkerPool(cores, options);
      return pool.prepare(reference);
    });
  } finally {
    await pool?.dispose();
  }
}

interface PoolWorker {
  readonly worker: Worker;
  pending: number;
}

/** Workers that prepare pictures, started as they are needed; each new picture goes to the worker with the fewest. */
class WorkerPool {
  readonly #workers: PoolWorker[] = [];
  readonly #waiting = new Map<
    number,
    { readonly resolve: (image: PreparedImage) => void; readonly reject: (error: unknown) => void }
  >();
  readonly #size: number;
  readonly #options: PrepareOptions;
  #next = 0;

  constructor(size: number, options: PrepareOptions) {
    this.#size = size;
    this.#options = options;
  }

  prepare(reference: ImageReference): Promise<PreparedImage> {
    const entry = this.#leastBusy();
    const id = this.#next++;
    entry.pending += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, reference } satisfies WorkerRequest);
    });
  }

  #leastBusy(): PoolWorker {
    const [first, ...others] = this.#workers;
    const least = first && others.reduce((a, b) => (b.pending < a.pending ? b : a), first);
    return least && (least.pending === 0 || this.#workers.length === this.#size) ? least : this.#start();
  }

  #start(): PoolWorker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: this.#options });
    const entry: PoolWorker = { worker, pending: 0 };
    worker.on('message', ({ id, result }: WorkerReply) => {
      entry.pending -= 1;
      const promise = this.#waiting.get(id);
      this.#waiting.delete(id);
      promise?.resolve(
        'code' in result ? { file: result.file, error: new AppError(result.code, result.message) } : result,
      );
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
