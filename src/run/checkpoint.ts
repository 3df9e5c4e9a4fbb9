// checkpoint.ts: where a run stands, on disk. Two files that are never changed in place: the tensors under a name of their own, and
// a small record that names them, which is replaced in one move. A process that dies leaves the former pair or the new one.

import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import type { Weight, Weights } from '../graph/layers.ts';
import type { RunProgress, RunTensors } from '../train/stage-two.ts';
import { isAside } from '../util/aside.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../util/files.ts';
import { CHECKPOINT_RECORD, readRunRecord } from './records.ts';
import { checkpointRecord } from './run-folder.ts';

export interface Checkpoint {
  readonly progress: RunProgress;
  readonly tensors: RunTensors;
  /** Time that the run has taken up to here. */
  readonly seconds: number;
  /** Time until the best weights so far were there. */
  readonly secondsToBest?: number;
  /** What the best weights so far say of the pictures that judge them: logits as one row, picture by picture. */
  readonly bestScores?: Float32Array | undefined;
  /** What computed it, for people: `onnx on cpu`. Any other can go on from it. */
  readonly engine?: string;
}

const TENSORS = /^tensors-\d+-\d+\.safetensors$/;
/** Raised when an older finch would misread the record. */
const VERSION = 1;

const TRAINER = 'trainer/';
const AVERAGE = 'average/';
const SCORES = 'best/scores';

/** @throws AppError WRITE_FAILED; the former checkpoint is whole then */
export async function saveCheckpoint(
  folder: string,
  { progress, tensors, seconds, secondsToBest, bestScores, engine }: Checkpoint,
): Promise<void> {
  const file = `tensors-${progress.epoch}-${progress.batch}.safetensors`;
  const all = new Map<string, RawTensor>();
  const add = (prefix: string, weights: Weights) =>
    weights.forEach((weight, name) => all.set(prefix + name, rawTensor(weight)));
  add(TRAINER, tensors.trainer.tensors);
  if (tensors.average) add(AVERAGE, tensors.average);
  if (bestScores) all.set(SCORES, rawTensor({ shape: [bestScores.length], data: bestScores }));
  await makeFolder(folder);
  await writeSafetensors(path.join(folder, file), all);
  const record = {
    version: VERSION,
    step: tensors.trainer.step,
    tensors: file,
    seconds,
    secondsToBest,
    engine,
    progress,
  };
  await writeFileAtomic(checkpointRecord({ checkpoint: folder }), `${JSON.stringify(record)}\n`);
  for (const name of await readdir(folder)) {
    const isOurs = TENSORS.test(name) || isAside(name);
    // What cannot be removed now goes with the next checkpoint.
    if (isOurs && name !== file) await rm(path.join(folder, name), { force: true }).catch(() => {});
  }
}

/** Undefined where none was written yet. @throws AppError CHECKPOINT_INVALID, FILE_INVALID */
export async function readCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const file = checkpointRecord({ checkpoint: folder });
  const record = await readRunRecord(file, CHECKPOINT_RECORD);
  if (!record) return undefined;
  const { step, tensors: name, seconds, secondsToBest, engine } = record;
  const progress = record.progress as RunProgress;
  const { tensors } = await readSafetensors(path.join(folder, name)).catch((error: unknown) => {
    throw invalid(path.join(folder, name), messageOf(error), error);
  });
  const odd = [...tensors.values()].find(({ dtype }) => dtype !== 'float32');
  if (odd) throw invalid(path.join(folder, name), `it holds ${odd.dtype} numbers, expected float32`);
  const part = (prefix: string) => {
    const own = [...tensors].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, tensor]) => [key.slice(prefix.length), asWeight(tensor)]));
  };
  const average = part(AVERAGE);
  const scores = tensors.get(SCORES);
  return {
    progress,
    seconds,
    ...(secondsToBest !== undefined && { secondsToBest }),
    ...(engine !== undefined && { engine }),
    ...(scores && { bestScores: asWeight(scores).data }),
    tensors: {
      trainer: { step, tensors: part(TRAINER) },
      ...(average.size > 0 && { average }),
    },
  };
}

function rawTensor({ shape, data }: Weight): RawTensor {
  return { dtype: 'float32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function asWeight({ shape, bytes }: RawTensor): Weight {
  return { shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) };
}

function invalid(file: string, problem: string, cause?: unknown): AppError {
  return new AppError(
    'CHECKPOINT_INVALID',
    `${file} cannot be gone on from: ${problem}; start the run anew with another --out`,
    { cause },
  );
}
