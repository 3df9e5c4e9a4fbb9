// special-files.ts: files that are no regular ones, and why a test that needs them skips.

import { execFileSync } from 'node:child_process';

export const NO_FIFO = process.platform === 'win32' && 'Windows has no named pipes in folders';

/** A named pipe that nobody writes to: whoever opens it to read waits for ever. */
export function makeFifo(file: string): string {
  execFileSync('mkfifo', [file]);
  return file;
}
