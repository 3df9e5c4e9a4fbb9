// place.ts: one file to another place, by a copy, a link or a move. What is there already is never replaced, and a process that is killed
// leaves the file whole in its old place, in the new one, or in both.

import { copyFile, link, lstat, realpath, rename, stat, symlink, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { asideOf } from '../util/aside.ts';
import { systemCode } from '../util/errors.ts';
import { sha256OfFile } from '../util/files.ts';

export const SORT_BY = ['copy', 'link', 'move'] as const;
export type SortBy = (typeof SORT_BY)[number];

/** @throws the system's errors: EEXIST where something has that name, ENOENT where there is no such file */
export async function placeFile(from: string, to: string, by: SortBy): Promise<void> {
  if (by === 'copy') return copied(from, to);
  if (by === 'move') return moved(from, to);
  const real = await realpath(from);
  await link(real, to).catch((error: unknown) => {
    if (!isWithoutLinks(error)) throw error;
    return symlink(path.resolve(real), to);
  });
}

/** One name is given before the other is taken away. */
async function moved(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    await copied(from, to);
  }
  await unlink(from);
}

async function copied(from: string, to: string): Promise<void> {
  const aside = await asideOf(to);
  try {
    await copyFile(from, aside);
    const { atime, mtime } = await stat(from);
    await utimes(aside, atime, mtime);
    await named(aside, to);
  } finally {
    await unlink(aside).catch(() => {});
  }
}

/** Gives a file its name unless something has it. */
async function named(aside: string, to: string): Promise<void> {
  try {
    await link(aside, to);
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    if (await isTaken(to)) throw Object.assign(new Error(to), { code: 'EEXIST' });
    await rename(aside, to);
  }
}

export const isTaken = (file: string): Promise<boolean> => lstat(file).then(() => true, () => false); // prettier-ignore

/** Whether both places have the same file, or files of the same content. */
export async function isSame(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true })]);
  if (one.dev === other.dev && one.ino === other.ino) return true;
  return one.size === other.size && (await sha256OfFile(a)) === (await sha256OfFile(b));
}

/** The other place is on another disk, or on one that has no links. */
const isWithoutLinks = (error: unknown) =>
  ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'].includes(systemCode(error) ?? '');
