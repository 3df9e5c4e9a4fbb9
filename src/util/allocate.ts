// allocate.ts: memory for large files, or one line that says it is not there.

import { AppError } from './errors.ts';

/** @param what is to be kept in it, for the message. @throws AppError OUT_OF_MEMORY */
export function allocate(bytes: number, what: string): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new AppError('OUT_OF_MEMORY', `${what} needs ${bytes} bytes of memory, which this machine does not give; end other programs, or use a smaller network`, { cause }); // prettier-ignore
  }
}
