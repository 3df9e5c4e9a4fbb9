// head-checkpoint.ts: where learning over shards stands, on disk: what the first pass found, and the last pass of the descent. Each record
// is written last and in one move, so that a process that dies leaves the former state or the new one.

import path from 'node:path';
import * as z from 'zod';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import type { FeatureSums } from '../train/feature-sums.ts';
import type { Descent } from '../train/lbfgs.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { readRunRecord } from './records.ts';

const count = z.int().nonnegative();
const text = z.string().max(65_536);

/** rows.json: what the first pass over the shards found. */
const ROWS_RECORD = z.object({
  version: z.literal(1),
  numbers: count,
  /** In the order in which they appeared: what the labels in the kept rows count. */
  classes: z.array(text),
  /** Rows to learn from, of each class. */
  counts: z.array(count),
  /** The pictures to judge by. */
  judged: z.array(text),
  /** Rows without a class, which are left out. */
  unlabelled: count,
  /** Whether the rows to learn from are kept beside this record; the shards are read in every pass where not. */
  areKept: z.boolean(),
});

export type RowsRecord = Readonly<Omit<z.infer<typeof ROWS_RECORD>, 'version'>>;

const DESCENT_FILES = ['descent-0.safetensors', 'descent-1.safetensors'] as const;

/** descent.json */
const DESCENT_RECORD = z.object({
  version: z.literal(1),
  tensors: z.enum(DESCENT_FILES),
  value: z.number(),
  iterations: count,
  seconds: z.number().nonnegative(),
});

export interface HeadPaths {
  readonly record: string;
  readonly sums: string;
  readonly descent: string;
  readonly train: { readonly rows: string; readonly labels: string };
  readonly judged: { readonly rows: string; readonly labels: string };
}

/** @param folder a run's checkpoint/ */
export function headPaths(folder: string): HeadPaths {
  const at = (name: string) => path.join(folder, name);
  return {
    record: at('rows.json'),
    sums: at('sums.safetensors'),
    descent: at('descent.json'),
    train: { rows: at('train.f32'), labels: at('train.i32') },
    judged: { rows: at('judged.f32'), labels: at('judged.i32') },
  };
}

const tensor = (data: Float64Array): RawTensor => ({
  dtype: 'float64',
  shape: [data.length],
  bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** The rows have to be on the disk already. @throws AppError WRITE_FAILED */
export async function saveFirstPass(
  { sums: file, record: recordFile }: HeadPaths,
  record: RowsRecord,
  { scatter, shift, classSums }: FeatureSums,
): Promise<void> {
  const tensors = new Map([
    ['scatter', tensor(scatter)],
    ['shift', tensor(Float64Array.from(shift))],
  ]);
  classSums.forEach((sums, k) => tensors.set(`class/${k}`, tensor(sums)));
  await writeSafetensors(file, tensors);
  await writeFileAtomic(recordFile, `${JSON.stringify({ version: 1, ...record })}\n`);
}

/** Undefined where the first pass has not ended. @throws AppError CHECKPOINT_INVALID */
export async function readFirstPass({
  sums: file,
  record: recordFile,
}: HeadPaths): Promise<{ readonly record: RowsRecord; readonly sums: FeatureSums } | undefined> {
  const found = await readRunRecord(recordFile, ROWS_RECORD);
  if (!found) return undefined;
  const { version: _, ...record } = found;
  const { numbers, counts } = record;
  const numbersOf = await tensorsOf(file);
  return {
    record,
    sums: {
      numbers,
      counts,
      classSums: counts.map((_, k) => numbersOf(`class/${k}`, numbers)),
      shift: Float32Array.from(numbersOf('shift', numbers)),
      scatter: numbersOf('scatter', numbers * numbers),
    },
  };
}

/** @throws AppError WRITE_FAILED; the former state is whole then */
export async function saveDescent(
  { descent: recordFile }: HeadPaths,
  { point, gradient, pairs, value, iterations }: Descent,
  seconds: number,
): Promise<void> {
  // Of two names the one that the record does not hold: what it holds stays whole until the record is replaced.
  const former = await readRunRecord(recordFile, DESCENT_RECORD);
  const name = former?.tensors === DESCENT_FILES[0] ? DESCENT_FILES[1] : DESCENT_FILES[0];
  const tensors = new Map([
    ['point', tensor(point)],
    ['gradient', tensor(gradient)],
  ]);
  pairs.forEach(({ s, y }, i) => tensors.set(`s/${i}`, tensor(s)).set(`y/${i}`, tensor(y)));
  await writeSafetensors(path.join(path.dirname(recordFile), name), tensors);
  await writeFileAtomic(recordFile, `${JSON.stringify({ version: 1, tensors: name, value, iterations, seconds })}\n`); // prettier-ignore
}

/** Undefined where no pass has ended. @param size of a point. @throws AppError CHECKPOINT_INVALID */
export async function readDescent(
  { descent: recordFile }: HeadPaths,
  size: number,
): Promise<{ readonly descent: Descent; readonly seconds: number } | undefined> {
  const record = await readRunRecord(recordFile, DESCENT_RECORD);
  if (!record) return undefined;
  const numbersOf = await tensorsOf(path.join(path.dirname(recordFile), record.tensors));
  const pairs: { readonly s: Float64Array; readonly y: Float64Array }[] = [];
  while (numbersOf.has(`s/${pairs.length}`)) {
    const i = pairs.length;
    pairs.push({ s: numbersOf(`s/${i}`, size), y: numbersOf(`y/${i}`, size) });
  }
  const { value, iterations, seconds } = record;
  return {
    descent: {
      point: numbersOf('point', size),
      gradient: numbersOf('gradient', size),
      pairs,
      value,
      iterations,
    },
    seconds,
  };
}

async function tensorsOf(file: string) {
  const invalid = (problem: string, cause?: unknown) =>
    new AppError('CHECKPOINT_INVALID', `${file} cannot be gone on from: ${problem}; start the run anew with another --out`, { cause }); // prettier-ignore
  const { tensors } = await readSafetensors(file).catch((error: unknown) => {
    throw invalid(messageOf(error), error);
  });
  const numbersOf = (name: string, size: number): Float64Array => {
    const found = tensors.get(name);
    const isSound = found?.dtype === 'float64' && found.bytes.length === size * 8;
    if (!isSound) throw invalid(`it has no ${name} of ${size} numbers`);
    const { buffer, byteOffset } = found.bytes;
    return new Float64Array(buffer, byteOffset, size);
  };
  return Object.assign(numbersOf, { has: (name: string) => tensors.has(name) });
}
