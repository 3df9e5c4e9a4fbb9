// files.ts: reads only regular files, with a size limit; writes aside and then renames, so that nobody sees half a file.

import { createHash, type Hash } from 'node:crypto';
import { constants, type PathLike, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { asideOf, sweepAsides } from './aside.ts';
import { AppError, messageOf, systemCode, type ErrorCode } from './errors.ts';

/** How a refused file is described in the error. */
interface Reading {
  /** Begins the message, such as `--labels names.txt`. By default the path. */
  readonly what?: string;
  /** The AppError's code. By default FILE_INVALID. */
  readonly code?: ErrorCode;
}

/** Does not wait for a writer of a named pipe, and does not make a terminal the process's own. Windows has neither flag. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Larger files are read in so many pieces; what has no size of its own (/proc) in pieces of PIECE_BYTES. */
const MAX_READ_BYTES = 2 ** 30;
const PIECE_BYTES = 2 ** 16;

/**
 * Opens a file whose content ends: a named pipe may never be written to, and a device such as /dev/zero never ends.
 * @throws AppError with the code asked for when it is no regular file; the system's errors as they are
 */
export async function openRegularFile(
  file: PathLike,
  { what = String(file), code = 'FILE_INVALID' }: Reading = {},
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const refuse = (kind: string) => new AppError(code, `${what} is ${kind}, expected a regular file`);
  const handle = await open(file, READ_AT_ONCE).catch((error: unknown) => {
    throw systemCode(error) === 'ENXIO' ? refuse('a socket or a device') : error;
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw refuse(kindOf(found));
    return { handle, size: found.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether a path leads to anything that can be looked at. */
export const isThere = (file: PathLike): Promise<boolean> => stat(file).then(() => true, () => false); // prettier-ignore

/** What a path leads to, when it is no regular file: `a folder`. */
export function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  return found.isFIFO() ? 'a named pipe' : found.isSocket() ? 'a socket' : 'a device';
}

/**
 * The whole content of a regular file.
 * @param limit bytes; more are refused before any memory is taken for them
 * @throws AppError with the code asked for when it is no regular file or too large; the system's errors as they are
 */
export async function readRegularFile(
  file: PathLike,
  { limit, ...reading }: Reading & { readonly limit: number },
): Promise<Buffer> {
  const { what = String(file), code = 'FILE_INVALID' } = reading;
  const { handle, size } = await openRegularFile(file, reading);
  try {
    const refuse = (has: string) => new AppError(code, `${what} has ${has} bytes, expected at most ${limit}`);
    if (size > limit) throw refuse(String(size));
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const wanted = size > length ? size - length : PIECE_BYTES;
      const piece = Buffer.allocUnsafe(Math.min(wanted, MAX_READ_BYTES));
      const { bytesRead } = await handle.read(piece, 0, piece.length, length);
      if (bytesRead === 0) break;
      pieces.push(piece.subarray(0, bytesRead));
      length += bytesRead;
      if (length > limit) throw refuse(`more than ${limit}`);
      if (size > 0 && length >= size) break;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
  } finally {
    await handle.close();
  }
}

/** What a library wrote stays when the power is lost. @throws the system's errors */
export async function makeDurable(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync().finally(() => handle.close());
}

/** Writes a whole file; on failure nothing is left and a former file stays. @throws AppError WRITE_FAILED */
export async function writeFileAtomic(file: string, content: string | Uint8Array): Promise<void> {
  await writeFileAside(file, (handle) => handle.writeFile(content));
}

/** The same for a file that is written in parts: `write` gets a handle to one aside, and its path. @throws AppError WRITE_FAILED */
export async function writeFileAside(
  file: string,
  write: (handle: FileHandle, aside: string) => Promise<void>,
): Promise<void> {
  await sweepAsides(path.dirname(file));
  const aside = await asideOf(file);
  try {
    const handle = await open(aside, 'wx');
    try {
      await write(handle, aside);
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

/** Makes a new folder whole or not at all: `fill` writes into one aside, which then gets its name. @throws AppError WRITE_FAILED */
export async function writeFolderAtomic(
  folder: string,
  fill: (aside: string) => Promise<void>,
): Promise<void> {
  await makeFolder(path.dirname(folder));
  await sweepAsides(path.dirname(folder));
  const aside = await asideOf(folder);
  try {
    await mkdir(aside);
    await fill(aside);
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => {});
    throw writeFailed(folder, error);
  }
}

/** Runs `action` with a folder aside, in which files of `target` are made that get their names later. @throws AppError WRITE_FAILED */
export async function withFolderAside<T>(target: string, action: (aside: string) => Promise<T>): Promise<T> {
  await sweepAsides(path.dirname(target));
  const aside = await asideOf(target);
  try {
    await mkdir(aside);
    return await action(aside);
  } catch (error) {
    throw writeFailed(target, error);
  } finally {
    await rm(aside, { recursive: true, force: true }).catch(() => {});
  }
}

/** Makes a folder, and those above it where they are missing. @throws AppError WRITE_FAILED */
export async function makeFolder(folder: string): Promise<void> {
  await makeWithParents(folder).catch((error: unknown) => {
    throw writeFailed(folder, error);
  });
}

/** Node's own recursive mkdir says ENOENT, a missing folder, where the disk is read-only. */
async function makeWithParents(folder: string): Promise<void> {
  const make = () =>
    mkdir(folder).catch(async (error: unknown) => {
      const isThere =
        systemCode(error) === 'EEXIST' && (await stat(folder).catch(() => undefined))?.isDirectory();
      if (!isThere) throw error;
    });
  try {
    await make();
  } catch (error) {
    const parent = path.dirname(folder);
    if (systemCode(error) !== 'ENOENT' || parent === folder) throw error;
    await makeWithParents(parent);
    await make();
  }
}

/** sha256 of a regular file's content, lower-case hex, read in pieces. */
export function sha256OfFile(file: PathLike): Promise<string> {
  return digestOfFile(file, () => createHash('sha256'));
}

/** The same by another hash. @param begin makes it, for a file of so many bytes */
export async function digestOfFile(file: PathLike, begin: (bytes: number) => Hash): Promise<string> {
  const { handle, size } = await openRegularFile(file);
  const hash = begin(size);
  for await (const chunk of handle.createReadStream()) hash.update(chunk as Buffer);
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
  EEXIST: 'something of that name is there already; choose another',
  ENOTEMPTY: 'a folder of that name is there already; choose another',
  ENAMETOOLONG: 'its name is too long; choose a shorter one',
  ELOOP: 'its links lead in a circle; choose another place',
  EIO: 'the disk reports an error (EIO); choose another place',
};

/** A failed write as the user should read it; other AppErrors pass as they are. */
export function writeFailed(target: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const advice = WRITE_ADVICE[systemCode(error) ?? ''] ?? messageOf(error);
  return new AppError('WRITE_FAILED', `cannot write ${target}: ${advice}`, { cause: error });
}
