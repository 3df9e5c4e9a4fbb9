// tensor-index.ts: weights in several files, and the index that says which tensor lies in which: `model.safetensors.index.json`.

import path from 'node:path';
import { AppError } from '../util/errors.ts';
import { readJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';
import type { RawTensor, TensorMap } from './tensor-file.ts';

/** A name of 200 bytes for each of the tensors of a large network. */
const MAX_INDEX_BYTES = 32 * 1024 ** 2;
/** Files are split at some gigabytes; networks for pictures have a few. */
const MAX_FILES = 256;
/** The files lie beside the index. */
const FILE_NAME = /^(?!\.)[\w.-]{1,200}$/;

/** The file of each tensor, by the tensor's name. @throws AppError FILE_INVALID, FILE_UNSAFE */
export async function readTensorIndex(index: string): Promise<ReadonlyMap<string, string>> {
  const json = await readJson(index, { limit: MAX_INDEX_BYTES, what: index });
  const map = isObject(json) ? json['weight_map'] : undefined;
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw new AppError(
      'FILE_INVALID',
      `${index} has no 'weight_map'; expected the index of a model in several files`,
    );
  }
  const files = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !FILE_NAME.test(file)) {
      throw new AppError('FILE_UNSAFE', `${index}: '${quoted(tensor, 60)}' is in '${quoted(String(file), 60)}'; expected the name of a file beside it`); // prettier-ignore
    }
    files.set(tensor, file);
  }
  const count = new Set(files.values()).size;
  if (count > MAX_FILES)
    throw new AppError('FILE_INVALID', `${index} names ${count} files, the limit is ${MAX_FILES}`);
  return files;
}

/** The tensors of all files. @param read reads one of them. @throws AppError FILE_INVALID, and what `read` throws */
export async function readIndexed(
  index: string,
  read: (file: string) => Promise<TensorMap>,
): Promise<TensorMap> {
  const files = await readTensorIndex(index);
  const tensors = new Map<string, RawTensor>();
  for (const file of new Set(files.values())) {
    const found = await read(path.join(path.dirname(index), file));
    for (const [name, tensor] of found) if (files.get(name) === file) tensors.set(name, tensor);
  }
  const missing = [...files.keys()].find((name) => !tensors.has(name));
  if (missing === undefined) return tensors;
  throw new AppError('FILE_INVALID', `${index}: '${quoted(missing, 60)}' is not in '${files.get(missing)}'`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
