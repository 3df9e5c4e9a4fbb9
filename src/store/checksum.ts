// checksum.ts: what a file that was fetched has to be: by its sha256, or by the sha1 under which git keeps it.

import { createHash } from 'node:crypto';
import { digestOfFile, sha256OfFile } from '../util/files.ts';

export interface Checksum {
  readonly algorithm: 'sha256' | 'git sha1';
  /** The first digits, lower-case hex. */
  readonly prefix: string;
}

/** Of a whole file, lower-case hex. */
export function checksumOf(file: string, { algorithm }: Pick<Checksum, 'algorithm'>): Promise<string> {
  return algorithm === 'sha256' ? sha256OfFile(file) : gitSha1OfFile(file);
}

/** git hashes a file behind a line that says its kind and its size. */
const gitSha1OfFile = (file: string): Promise<string> =>
  digestOfFile(file, (bytes) => createHash('sha1').update(`blob ${bytes}\0`));
