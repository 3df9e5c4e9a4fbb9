// read-tensors.ts: the named tensors of a file, whichever container it is: told by its content, not by its name.

import { AppError, messageOf } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readSafetensors } from './safetensors.ts';
import type { TensorMap } from './tensor-file.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';

/** @throws AppError FILE_INVALID, FILE_UNSAFE */
export async function readTensors(file: string): Promise<TensorMap> {
  const { handle } = await openRegularFile(file).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const head = new Uint8Array(9);
  const { bytesRead } = await handle.read(head, 0, 9, 0).finally(() => handle.close());
  // A safetensors header is JSON behind its length in eight bytes; neither of torch's containers has a { there.
  const isSafetensors = bytesRead === 9 && head[8] === 0x7b;
  return isSafetensors ? (await readSafetensors(file)).tensors : readTorchCheckpoint(file);
}
