// axes.ts: the directions along which the graphs of an index look at rows: those in which a sample of the rows varied most. A row of 1,280
// numbers is 256 there, so that a graph is built and asked in a fraction of the time; which of its candidates are the nearest, the whole
// vectors say.

import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dot } from '../../util/dot.ts';
import { AppError, openingProblem } from '../../util/errors.ts';
import { makeDurable, readRegularFile, writeFailed } from '../../util/files.ts';
import type { AxesFile } from './record.ts';

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
  const invalid = (problem: string, cause?: unknown) =>
    new AppError('FILE_INVALID', `${whole} ${problem}; build the index again`, { cause });
  const bytes = await readRegularFile(whole, { limit: 4 * count * numbers }).catch((error: unknown) => {
    throw error instanceof AppError ? error : invalid(openingProblem(error, 'is not there'), error);
  });
  const isWhole = bytes.length === 4 * count * numbers;
  if (!isWhole) throw invalid(`has ${bytes.length} bytes, expected ${4 * count * numbers}`);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw invalid('has other bytes than those that were written'); // prettier-ignore
  const matrix = new Float32Array(count * numbers);
  new Uint8Array(matrix.buffer).set(bytes);
  return { count, matrix };
}

/** A vector's projection on the axes, `[count]`. */
export function project({ count, matrix }: Axes, vector: Float32Array): Float32Array {
  const numbers = vector.length;
  return Float32Array.from({ length: count }, (_, i) => dot(matrix.subarray(i * numbers, (i + 1) * numbers), vector)); // prettier-ignore
}
