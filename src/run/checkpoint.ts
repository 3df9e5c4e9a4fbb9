// checkpoint.ts: where a run stands, on disk. Two files that are never changed in place: the tensors under a name of their own, and
// a small record that names them, which is replaced in one move. A process that dies leaves the former pair or the new one.

import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { RawTensor } from '../formats/tensor-file.ts';
import type { Weight, Weights } from '../graph/layers.ts';
import type { RunProgress, RunTensors } from '../train/stage-two.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { readRegularFile, writeFailed, writeFileAtomic } from '../util/files.ts';

export interface Checkpoint {
  readonly progress: RunProgress;
  readonly tensors: RunTensors;
  /** That the run has taken up to here. */
  readonly seconds: number;
  /** What computed it, for people: `onnx on cpu`. Any other can go on from it. */
  readonly engine?: string;
}

const RECORD = 'state.json';
/** Counts up when a former finch would misread it. */
const VERSION = 1;
/** Rows of metrics are a hundred bytes each; more than this is no record of ours. */
const MAX_RECORD_BYTES = 64 * 1024 ** 2;

const TRAINER = 'trainer/';
const AVERAGE = 'average/';

/** @throws AppError WRITE_FAILED; the former checkpoint is whole then */
export async function saveCheckpoint(
  folder: string,
  { progress, tensors, seconds, engine }: Checkpoint,
): Promise<void> {
  const file = `tensors-${progress.epoch}-${progress.batch}.safetensors`;
  const all = new Map<string, RawTensor>();
  const add = (prefix: string, weights: Weights) =>
    weights.forEach((weight, name) => all.set(prefix + name, rawTensor(weight)));
  add(TRAINER, tensors.trainer.tensors);
  if (tensors.average) add(AVERAGE, tensors.average);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw writeFailed(folder, error);
  });
  await writeSafetensors(path.join(folder, file), all);
  const record = { version: VERSION, step: tensors.trainer.step, tensors: file, seconds, engine, progress };
  await writeFileAtomic(path.join(folder, RECORD), `${JSON.stringify(record)}\n`);
  for (const name of await readdir(folder)) {
    const isOurs = name.startsWith('tensors-') || name.startsWith('.');
    if (isOurs && name !== file) await rm(path.join(folder, name), { force: true });
  }
}

/** Undefined where none was written yet. @throws AppError CHECKPOINT_INVALID, FILE_INVALID */
export async function readCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const file = path.join(folder, RECORD);
  let record;
  try {
    const text = String(await readRegularFile(file, { limit: MAX_RECORD_BYTES, what: 'it' }));
    record = JSON.parse(text) as {
      readonly version?: unknown;
      readonly step?: unknown;
      readonly tensors?: unknown;
      readonly seconds?: unknown;
      readonly engine?: unknown;
      readonly progress?: RunProgress;
    };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw invalid(file, messageOf(error), error);
  }
  const { version, step, tensors: name, seconds, engine, progress } = record ?? {};
  if (version !== VERSION) throw invalid(file, `it is of version ${String(version)}, expected ${VERSION}`);
  const isWhole =
    typeof name === 'string' &&
    /^tensors-\d+-\d+\.safetensors$/.test(name) &&
    Number.isSafeInteger(step) &&
    Number.isSafeInteger(progress?.epoch) &&
    Number.isSafeInteger(progress?.batch) &&
    Array.isArray(progress?.rows);
  if (!isWhole) throw invalid(file, 'parts of it are missing');
  const { tensors } = await readSafetensors(path.join(folder, name)).catch((error: unknown) => {
    throw invalid(path.join(folder, name), messageOf(error), error);
  });
  const part = (prefix: string) => {
    const own = [...tensors].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, tensor]) => [key.slice(prefix.length), asWeight(tensor)]));
  };
  const average = part(AVERAGE);
  return {
    progress,
    seconds: typeof seconds === 'number' ? seconds : 0,
    ...(typeof engine === 'string' && { engine }),
    tensors: {
      trainer: { step: step as number, tensors: part(TRAINER) },
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
