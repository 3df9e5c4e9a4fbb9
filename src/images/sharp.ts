// sharp.ts: the native decoder, loaded when the first picture needs it. The only import of sharp.

import type { Sharp, SharpOptions } from 'sharp';

let loading: Promise<(input: Buffer, options: SharpOptions) => Sharp> | undefined;

export async function loadSharp() {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // Every picture is read once: a cache would only hold memory.
    sharp.cache(false);
    // Parallelism comes from decoding several pictures at a time.
    sharp.concurrency(1);
    return (input, options) => sharp(input, options);
  });
  return loading;
}
