// picture-memory.ts: memory for one picture: its share of what threads agree on, or a refusal where a container never has as much.

import { AppError } from '../util/errors.ts';
import { withMemory } from '../util/memory-budget.ts';
import { mostOfLimit } from '../util/memory-limit.ts';

/** Bytes for each pixel during decoding: RGB from the decoder, whose memory grows by doubling, and a copy to resize. */
export const BYTES_PER_PIXEL = 9;
/** What decoding one picture may take, in bytes; Infinity without a limit of memory. */
export const MOST_BYTES = mostOfLimit();

/**
 * Runs `action` at its turn. The system would end the whole process for one picture that takes more than there is.
 * @param bytes that decoding takes, roughly; `share` of the budget where it is another
 * @throws AppError IMAGE_TOO_LARGE
 */
export async function withPictureMemory<T>(
  bytes: number,
  action: () => Promise<T>,
  { share = bytes, most = MOST_BYTES } = {},
): Promise<T> {
  if (bytes <= most) return withMemory(share, action);
  throw new AppError(
    'IMAGE_TOO_LARGE',
    `to decode it takes about ${Math.ceil(bytes / 1e6)} MB, and the limit of memory here leaves ${Math.floor(most / 1e6)} MB; allow more memory, or make the picture smaller`,
  );
}
