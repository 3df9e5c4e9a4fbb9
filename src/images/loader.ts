// loader.ts: prepares pictures ahead of their use in workers, in order and a bounded number at a time, so that this thread
// is free for the engine.

import { availableParallelism } from 'node:os';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { WorkerPool } from '../util/worker-pool.ts';
import type { PreparedImage, PrepareOptions } from './prepare.ts';
import type { ImageReference } from './source.ts';

/** A worker's answer; errors pass between threads as code and message. */
export type WorkerReply =
  | Exclude<PreparedImage, { readonly error: AppError }>
  | { readonly file: string; readonly code: AppError['code']; readonly message: string };

/**
 * Reads, decodes and preprocesses pictures ahead of their use. Workers live as long as the iteration.
 * @param recall gives a result that is already known: it is used instead of the prepared picture, in the same order
 * @param batchSize how many the engine takes at a time. The engine keeps this thread busy meanwhile, so the workers need that
 *   many to work on, besides the batch that is being gathered and one picture for each worker.
 */
export async function* loadImages<Known = never>(
  references: AsyncIterable<ImageReference>,
  options: PrepareOptions,
  batchSize: number,
  recall?: (reference: ImageReference) => Promise<Known | undefined>,
): AsyncGenerator<PreparedImage | Known, void, undefined> {
  const cores = availableParallelism();
  const pool = new WorkerPool<ImageReference, WorkerReply>({
    script: new URL('./decode-worker.js', import.meta.url),
    size: cores,
    workerData: options,
  });
  try {
    yield* mapOrdered(
      references,
      2 * (batchSize + cores),
      async (reference): Promise<PreparedImage | Known> => {
        const known = await recall?.(reference);
        if (known !== undefined) return known;
        if ('error' in reference.content) return { file: reference.file, error: reference.content.error };
        try {
          const reply = await pool.ask(reference);
          return 'code' in reply
            ? { file: reply.file, error: new AppError(reply.code, reply.message) }
            : reply;
        } catch (error) {
          // A picture that made a worker crash is reported like any other that cannot be read.
          if (error instanceof AppError) return { file: reference.file, error };
          throw error;
        }
      },
    );
  } finally {
    await pool.dispose();
  }
}
