// disk-cache.ts: keeps the folder of small pictures below its limit by deleting the oldest first. It knows files, not pictures.

import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Makes room until a quarter of the limit is free, if it is nearly full. @returns bytes that may be written now */
export async function makeRoom(folder: string, limit: number): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files: { readonly file: string; readonly size: number; readonly time: number }[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile()) files.push({ file, size: found.size, time: found.mtimeMs });
  }
  let total = files.reduce((sum, { size }) => sum + size, 0);
  if (total <= limit * 0.75) return limit - total;
  for (const { file, size } of files.sort((a, b) => a.time - b.time)) {
    if (total <= limit * 0.75) break;
    await rm(file, { force: true }).catch(() => {});
    total -= size;
  }
  return Math.max(0, limit - total);
}
