// sha256-of-all.ts: the checksum of weights, in one file or in several with an index.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { readTensorIndex } from '../formats/tensor-index.ts';
import { sha256OfFile } from '../util/files.ts';

/** A file's sha256; of an index that of its files' names and checksums, a line each, as sha256sum writes them. */
export async function sha256OfAll(file: string): Promise<string> {
  if (!file.endsWith('.index.json')) return sha256OfFile(file);
  const parts = [...new Set((await readTensorIndex(file)).values())].sort();
  return sha256OfLines(path.dirname(file), parts);
}

/** @param names of files in the folder */
export async function sha256OfLines(folder: string, names: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) hash.update(`${await sha256OfFile(path.join(folder, name))}  ${name}\n`);
  return hash.digest('hex');
}
