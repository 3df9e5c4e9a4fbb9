// picture-count.ts: how many pictures the inputs are, for progress. They are looked up a second time, beside the work, so that the
// work need not wait until all are known.

import { Readable } from 'node:stream';
import { imageReferences } from '../images/source.ts';

/** Counts from the first call on; undefined until the count is known. What comes on stdin cannot be counted. */
export function pictureCount(inputs: readonly string[], signal: AbortSignal): () => number | undefined {
  let total: number | undefined;
  let isStarted = inputs.includes('-');
  const count = async () => {
    let found = 0;
    for await (const _ of imageReferences(inputs, Readable.from([]), signal)) found += 1;
    total = found;
  };
  return () => {
    // What is wrong with an input is told by the work itself.
    if (!isStarted) count().catch(() => {});
    isStarted = true;
    return total;
  };
}
