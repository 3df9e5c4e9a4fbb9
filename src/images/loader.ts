// loader.ts: prepares pictures ahead of their use in workers, in order and a bounded number at a time, so that this thread
// is free for the engine.

import { availableParallelism } from 'node:os';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { readObject, type PreparedImage, type PrepareOptions } from './prepare.ts';
import { startPreparer } from './preparer.ts';
import type { ImageReference } from './source.ts';

/** Bytes of objects that are in memory, or on their way to it, before no further one is asked for. */
const OBJECTS_AHEAD_BYTES = 256 * 1024 ** 2;

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
  const end = new AbortController();
  const ahead = {
    items: 2 * (batchSize + availableParallelism()),
    weight: OBJECTS_AHEAD_BYTES,
    weightOf: ({ content }: ImageReference) => ('object' in content ? content.object.size : 0),
  };
  const load = async (named: ImageReference): Promise<PreparedImage | Known> => {
    const reference = await inMemory(named, end.signal);
    return (await recall?.(reference)) ?? preparer.prepare(reference, options);
  };
  try {
    yield* mapOrdered(references, ahead, load);
  } finally {
    // Nobody waits for what is under way.
    end.abort();
    await preparer.dispose();
  }
}

/**
 * An object is read here, so that many can be on their way at once. One that is not there, or another by now, is an error of its own.
 * @throws AppError DOWNLOAD_FAILED: what the network, the server or the credentials do to one picture they do to all
 */
async function inMemory(reference: ImageReference, signal: AbortSignal): Promise<ImageReference> {
  const { content } = reference;
  if (!('object' in content)) return reference;
  try {
    return { ...reference, content: { bytes: await readObject(content.object, signal) } };
  } catch (error) {
    if (error instanceof AppError && error.code !== 'DOWNLOAD_FAILED') return { ...reference, content: { error } }; // prettier-ignore
    throw error;
  }
}
