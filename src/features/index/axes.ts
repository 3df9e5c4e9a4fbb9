// axes.ts: the directions along which the graphs of an index look at rows: those in which a sample of the rows varied most. A row of 1,280
// numbers is 256 there, so that a graph is built and asked in a fraction of the time; which of its candidates are the nearest, the whole
// vectors say.

import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dot } from '../../util/dot.ts';
import { AppError } from '../../util/errors.ts';
import { makeDurable, writeFailed } from '../../util/files.ts';
import { readExactly } from '../../util/read-exactly.ts';
import type { AxesFile } from './record.ts';
import { openSized } from './row-parts.ts';

/** Directions of length 1 that are at right angles, `[count, numbers]`. */
export interface Axes {
  readonly count: number;
  readonly matrix: Float32Array;
}

/** @throws AppError WRITE_FAILED */
export async function writeAxes(folder: string, { count, matrix }: Axes): Promise<AxesFile> {
  const name = `axes-${randomBytes(8).toString('hex')}.bin`;
  const file = path.join(folder, name);
  const bytes = new Uint8Array(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  try {
    await writeFile(file, bytes, { flag: 'wx' });
    await makeDurable(file);
  } catch (error) {
    throw writeFailed(file, error);
  }
  return { file: name, count, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** @throws AppError FILE_INVALID */
export async function readAxes(
  folder: string,
  { file, count, sha256 }: AxesFile,
  numbers: number,
): Promise<Axes> {
  const whole = path.join(folder, file);
  const handle = await openSized(whole, 4 * count * numbers);
  const matrix = new Float32Array(count * numbers);
  const bytes = new Uint8Array(matrix.buffer);
  try {
    await readExactly(handle, bytes, 0, whole);
  } finally {
    await handle.close();
  }
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new AppError('FILE_INVALID', `${whole} has other bytes than those that were written; build the index again`); // prettier-ignore
  return { count, matrix };
}

/** A vector's projection on the axes, `[count]`. */
export function project({ count, matrix }: Axes, vector: Float32Array): Float32Array {
  const numbers = vector.length;
  return Float32Array.from({ length: count }, (_, i) => dot(matrix.subarray(i * numbers, (i + 1) * numbers), vector)); // prettier-ignore
}
