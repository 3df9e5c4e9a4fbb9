// loader.ts: pictures prepared ahead of their use, in order and a bounded number at a time: the first few in this thread,
// which starts at once, the many in workers, which leave this thread to the engine.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { prepareImage, type PreparedImage, type PrepareOptions } from './prepare.ts';
import type { ImageReference } from './source.ts';

/** Up to here starting workers (a tenth of a second) would cost more than they save. */
const INLINE_PICTURES = 12;

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
 * @param recall what is known of a picture already: it comes in the place of the prepared one, at the same turn
 * @param batchSize how many the engine takes at a time. It keeps this thread busy meanwhile, so that the workers need that
 *   many to go on with, besides the batch that is being gathered and one in each worker's hands.
 */
export async function* loadImages<Known = never>(
  references: AsyncIterable<ImageReference>,
  options: PrepareOptions,
  batchSize: number,
  recall?: (reference: ImageReference) => Promise<Known | undefined>,
): AsyncGenerator<PreparedImage | Known, void, undefined> {
  const cores = availableParallelism();
  let pool: WorkerPool | undefined;
  let count = 0;
  try {
    yield* mapOrdered(
      references,
      2 * (batchSize + cores),
      async (reference): Promise<PreparedImage | Known> => {
        const known = await recall?.(reference);
        if (known !== undefined) return known;
        count += 1;
        if (count <= INLINE_PICTURES || 'error' in reference.content) return prepareImage(reference, options);
        pool ??= new WorkerPool(cores, options);
        return pool.prepare(reference);
      },
    );
  } finally {
    await pool?.dispose();
  }
}

/** Workers that prepare pictures; each new one goes to the worker with the fewest. */
class WorkerPool {
  readonly #workers: { readonly worker: Worker; pending: number }[];
  readonly #waiting = new Map<
    number,
    { readonly resolve: (image: PreparedImage) => void; readonly reject: (error: unknown) => void }
  >();
  #next = 0;

  constructor(size: number, options: PrepareOptions) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: options });
      const entry = { worker, pending: 0 };
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
      return entry;
    });
  }

  prepare(reference: ImageReference): Promise<PreparedImage> {
    const entry = this.#workers.reduce((a, b) => (b.pending < a.pending ? b : a));
    const id = this.#next++;
    entry.pending += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      entry.worker.postMessage({ id, reference } satisfies WorkerRequest);
    });
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
  }
}
