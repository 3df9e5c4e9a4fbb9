// scratch.ts: a folder for the files of one process's cases, removed when the process ends. In memory where Linux offers that: on a
// disk most of a case's time is the file that every case writes anew.

import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MEMORY = '/dev/shm';

function isWritable(place: string): boolean {
  try {
    accessSync(place, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const folder = mkdtempSync(path.join(isWritable(MEMORY) ? MEMORY : tmpdir(), 'finch-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** The path of a file, or of a file in folders, that later cases write again. */
export const scratchPath = (...parts: readonly string[]) => path.join(folder, ...parts);

export function scratchFile(name: string, bytes: Uint8Array): string {
  const file = scratchPath(name);
  writeFileSync(file, bytes);
  return file;
}
