// file-tag.ts: what tells a file from another one that gets its name, and from itself before a change, without reading it.

import type { PathLike, Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

/** @param found of `stat`; times in milliseconds */
export const fileTag = ({ ino, size, mtimeMs }: Pick<Stats, 'ino' | 'size' | 'mtimeMs'>): string =>
  [ino, size, Math.round(mtimeMs * 1000)].map((number) => number.toString(36)).join('-');

/** The same to the nanosecond, and with the time of the last change of any kind, which nobody can put back. @throws the system's errors */
export async function exactFileTag(file: PathLike): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await stat(file, { bigint: true });
  return [size, mtimeNs, ctimeNs, ino].join(' ');
}
