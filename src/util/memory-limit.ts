// memory-limit.ts: what a container's limit of memory leaves for one use. Without such a limit nothing is smaller.

import { availableParallelism } from 'node:os';

/** The process itself with its runtime and a network of usual size, in bytes. */
const BASE_BYTES = 256 * 1024 ** 2;
/** What is left at least, in bytes: the largest body that `serve` takes by default. */
const LEAST_BYTES = 32 * 1024 ** 2;
/** A thread has a runtime of its own, and the picture that it works on. */
const BYTES_PER_THREAD = 128 * 1024 ** 2;

/** The control group's limit, in bytes; Infinity where none is known: Node 20 says `undefined` there, later ones 0. */
function known(limit: number | undefined = process.constrainedMemory()): number {
  return limit !== undefined && limit > 0 ? limit : Infinity;
}

/**
 * The smaller of `usual` and `part` of what the limit leaves beside the process itself, in bytes.
 * @param part above 0, at most 1
 */
export function partOfLimit(part: number, usual: number, limit?: number): number {
  return Math.min(usual, Math.max(LEAST_BYTES, part * (known(limit) - BASE_BYTES)));
}

/** What one piece of work may take, in bytes; Infinity without a limit. Where the limit is small, so is the process: half is left. */
export function mostOfLimit(limit?: number): number {
  return Math.max(known(limit) / 2, known(limit) - BASE_BYTES);
}

/** As many threads as there are cores, and no more than fit into the limit. */
export function threadsOfLimit(limit?: number): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(known(limit) / BYTES_PER_THREAD)));
}
