// file-tag.ts: what tells a file from another one that gets its name, and from itself before a change, without reading it.

import type { Stats } from 'node:fs';

/** @param found of `stat`; times in milliseconds */
export const fileTag = ({ ino, size, mtimeMs }: Pick<Stats, 'ino' | 'size' | 'mtimeMs'>): string =>
  [ino, size, Math.round(mtimeMs * 1000)].map((number) => number.toString(36)).join('-');
