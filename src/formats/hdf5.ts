// hdf5.ts: what an HDF5 file holds that a network needs: texts at its root, and tensors by their paths. The HDF Group's own library reads it,
// as WebAssembly without a file system, in a thread with a limit of time and of memory.

import { askOnce } from '../util/ask-once.ts';
import { AppError } from '../util/errors.ts';
import type { Answer, Question } from './hdf5-worker.ts';

export interface Hdf5Content {
  /** Texts that are attributes of the root. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Floating-point datasets by path, `model_weights/conv1/conv1/kernel:0`, as float32. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
}

/** Half a gigabyte of weights takes seconds. */
const MAX_SECONDS = 120;
const MAX_MEMORY_MB = 1024;

/** @param file what messages call it. @throws AppError FILE_INVALID, FILE_UNSAFE */
export async function readHdf5(bytes: Uint8Array, file: string): Promise<Hdf5Content> {
  const answer = await askOnce<Answer>({ bytes, file } satisfies Question, {
    script: new URL('./hdf5-worker.js', import.meta.url),
    memoryMegabytes: MAX_MEMORY_MB,
    seconds: MAX_SECONDS,
    late: () => new AppError('FILE_UNSAFE', `${file} took more than ${MAX_SECONDS} s to read and was stopped; expected a file as Keras writes it`), // prettier-ignore
  });
  if ('problem' in answer) throw new AppError('FILE_INVALID', answer.problem);
  return answer;
}
