// loader.ts: pictures prepared ahead of their use, in order and a bounded number at a time, in workers, which leave this
// thread to the engine.

import { availableParallelism } from 'node:os';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { WorkerPool } from '../util/worker-pool.ts';
import type { PreparedImage, PrepareOptions } from './prepare.ts';
import type { ImageReference } from './source.ts';

/** What a worker answers; errors cross threads as code and message. */
export type WorkerReply =
  | Exclude<PreparedImage, { readonly error: AppError }>
  | { readonly file: string; readonly code: AppError['code']; readonly message: string };

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
  const pool = new WorkerPool<ImageReference, WorkerReply>({
    script: new URL('./worker.js', import.meta.url),
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
          // A picture that a worker died of is a row as any other that cannot be read.
          if (error instanceof AppError) return { file: reference.file, error };
          throw error;
        }
      },
    );
  } finally {
    await pool.dispose();
  }
}
