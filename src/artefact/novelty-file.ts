// novelty-file.ts: what a network knows of the pictures it has learnt from, written into a model folder and read from it: the features as
// float16 in a .npy file named after its content, the rest in model.json.

import { createHash } from 'node:crypto';
import path from 'node:path';
import { npyBytes, npyHeader, openNpy } from '../formats/npy.ts';
import { AppError } from '../util/errors.ts';
import { isThere, writeFileAtomic } from '../util/files.ts';
import type { Novelty } from '../util/novelty.ts';
import { quoted } from '../util/quoted.ts';
import { NEIGHBOURS_NAME, type NoveltyFacts } from './novelty-facts.ts';

/** finch keeps 4 MB of features. */
const MAX_NUMBERS = 2 ** 25;

/** Writes its file, and returns what model.json says of it. @throws AppError WRITE_FAILED */
export async function writeNovelty(
  folder: string,
  { rows, numbers, known, doubt, distance, weight }: Novelty,
): Promise<NoveltyFacts> {
  const bytes = Buffer.concat([
    npyHeader('float16', rows.length / numbers, [numbers]),
    npyBytes('float16', rows),
  ]);
  const sum = createHash('sha256').update(bytes).digest('hex');
  const name = `neighbours-${sum.slice(0, 16)}.npy`;
  if (!(await isThere(path.join(folder, name)))) await writeFileAtomic(path.join(folder, name), bytes);
  return { neighbours: name, doubt, distance, weight, known: Array.from(known) };
}

/** @param numbers in the network's features. @throws AppError MODEL_INVALID, FILE_INVALID, FILE_UNSAFE */
export async function readNovelty(
  folder: string,
  { neighbours, known, ...measure }: NoveltyFacts,
  numbers: number,
): Promise<Novelty> {
  if (!NEIGHBOURS_NAME.test(neighbours)) {
    throw invalid(`${folder}: its features are called '${quoted(neighbours)}', expected neighbours-….npy`);
  }
  const file = await openNpy(path.join(folder, neighbours));
  try {
    const { count, rowShape } = file;
    const fits =
      rowShape.length === 1 && rowShape[0] === numbers && count >= 1 && count * numbers <= MAX_NUMBERS;
    if (!fits) {
      throw invalid(`${folder}: ${neighbours} has [${[count, ...rowShape].join(',')}] numbers, expected rows of ${numbers}, ${MAX_NUMBERS} numbers at most`); // prettier-ignore
    }
    return { rows: await file.read(0, count), numbers, ...measure, known: Float64Array.from(known) };
  } finally {
    await file.close();
  }
}

const invalid = (problem: string) => new AppError('MODEL_INVALID', problem);
