// memory-limit.ts: what a container's limit of memory leaves for one use. Without such a limit nothing is smaller.

/** The process itself with its runtime and a network of usual size, in bytes. */
const BASE_BYTES = 256 * 1024 ** 2;
/** What is left at least, in bytes: the largest body that `serve` takes by default. */
const LEAST_BYTES = 32 * 1024 ** 2;

/**
 * The smaller of `usual` and `part` of what the limit leaves beside the process itself, in bytes.
 * @param part above 0, at most 1
 * @param limit of the control group; a number above all memory where there is none
 */
export function partOfLimit(part: number, usual: number, limit = process.constrainedMemory()): number {
  if (limit <= 0) return usual;
  return Math.min(usual, Math.max(LEAST_BYTES, part * (limit - BASE_BYTES)));
}
