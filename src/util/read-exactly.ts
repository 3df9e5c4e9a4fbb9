// read-exactly.ts: fills a buffer from a place in a file; an end that comes too early is an error, not a short result.

import type { FileHandle } from 'node:fs/promises';
import { AppError } from './errors.ts';

/** What one read call may ask for on every platform. */
const MAX_READ_BYTES = 2 ** 30;

/** @throws AppError FILE_INVALID when the file ends first */
export async function readExactly(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  file: string,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const length = Math.min(target.length - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) {
      throw new AppError(
        'FILE_INVALID',
        `${file} ends at byte ${position + done}, expected ${target.length - done} more: it was cut short, fetch it again`,
      );
    }
    done += bytesRead;
  }
}

/** Number of bytes that are read at once when only a few are asked for. */
const BLOCK_BYTES = 256 * 1024;

/** Fills a buffer from a place. */
export type Read = (target: Uint8Array, position: number) => Promise<void>;

/**
 * Fills small buffers one behind the other, as lists of entries are read, without a call to the system for each.
 * @param size of the whole content, in bytes
 */
export function blockReader(read: Read, size: number, blockBytes = BLOCK_BYTES): Read {
  let start = 0;
  let block = new Uint8Array(0);
  /** @throws AppError FILE_INVALID when the file ends first */
  return async (target, position) => {
    const isInBlock = position >= start && position + target.length <= start + block.length;
    if (!isInBlock) {
      const bytes = new Uint8Array(Math.max(target.length, Math.min(blockBytes, size - position)));
      await read(bytes, position);
      [start, block] = [position, bytes];
    }
    target.set(block.subarray(position - start, position - start + target.length));
  };
}
