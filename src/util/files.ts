// files.ts: writing to disk so that nobody ever sees half a file: aside, then renamed.

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AppError, messageOf, systemCode } from './errors.ts';

/** A name beside `target` that no other process uses. */
function asideOf(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** Writes a whole file; on failure nothing is left and a former file stays. @throws AppError WRITE_FAILED */
export async function writeFileAtomic(file: string, content: string | Uint8Array): Promise<void> {
  await writeFileAside(file, (handle) => handle.writeFile(content));
}

/** The same for a file that is written in parts: `write` gets a handle to one aside. @throws AppError WRITE_FAILED */
export async function writeFileAside(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const aside = asideOf(file);
  try {
    const handle = await open(aside, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    throw writeFailed(file, error);
  }
}

/**
 * Makes a folder whole or not at all: `fill` writes into one aside, which then takes the place of `folder`.
 * A former folder of that name is replaced only after the new one is complete. @throws AppError WRITE_FAILED
 */
export async function writeFolderAtomic(
  folder: string,
  fill: (aside: string) => Promise<void>,
): Promise<void> {
  const aside = asideOf(folder);
  const former = asideOf(folder);
  try {
    await mkdir(aside, { recursive: true });
    await fill(aside);
    const moved = await rename(folder, former).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return false;
        throw error;
      },
    );
    try {
      await rename(aside, folder);
    } catch (error) {
      if (moved) await rename(former, folder);
      throw error;
    }
    await rm(former, { recursive: true, force: true });
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => {});
    throw writeFailed(folder, error);
  }
}

/** sha256 of a file's content, lower-case hex, read in pieces. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

const WRITE_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and run the command again',
  EDQUOT: 'the disk quota is used up; free some space and run the command again',
  EACCES: 'writing there is not permitted; choose another place',
  EPERM: 'writing there is not permitted; choose another place',
  EROFS: 'the file system is read-only; choose another place',
  ENOENT: 'its folder does not exist; make it first',
  ENOTDIR: 'a part of the path is no folder; choose another place',
  EISDIR: 'a folder has that name; choose another',
};

/** A failed write as the user should read it; other AppErrors pass as they are. */
export function writeFailed(target: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const advice = WRITE_ADVICE[systemCode(error) ?? ''] ?? messageOf(error);
  return new AppError('WRITE_FAILED', `cannot write ${target}: ${advice}`, { cause: error });
}
