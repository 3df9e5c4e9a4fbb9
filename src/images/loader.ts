// loader.ts: prepares pictures ahead of their use in workers, in order and a bounded number at a time, so that this thread
// is free for the engine.

import { availableParallelism } from 'node:os';
import { mapOrdered } from '../util/streams.ts';
import type { PreparedImage, PrepareOptions } from './prepare.ts';
import { startPreparer } from './preparer.ts';
import type { ImageReference } from './source.ts';

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
  const preparer = startPreparer();
  try {
    yield* mapOrdered(
      references,
      2 * (batchSize + availableParallelism()),
      async (reference): Promise<PreparedImage | Known> =>
        (await recall?.(reference)) ?? preparer.prepare(reference, options),
    );
  } finally {
    await preparer.dispose();
  }
}
