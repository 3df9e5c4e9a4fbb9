// read-tensors.ts: the named tensors of a file, in any container. The container is recognised by its content, not by its name.

import { AppError, messageOf } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readSafetensors } from './safetensors.ts';
import type { TensorMap } from './tensor-file.ts';
import { largestGroup, type ChooseGroup } from './tensor-groups.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';

/**
 * @param choose which of a checkpoint's dictionaries is wanted; the largest where it does not say
 * @throws AppError FILE_INVALID, FILE_UNSAFE, and what `choose` throws
 */
export async function readTensors(file: string, choose: ChooseGroup = largestGroup): Promise<TensorMap> {
  const { handle } = await openRegularFile(file).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const head = new Uint8Array(9);
  const { bytesRead } = await handle.read(head, 0, 9, 0).finally(() => handle.close());
  // A safetensors file begins with the header's length in eight bytes, then JSON; neither of torch's containers has a { there.
  const isSafetensors = bytesRead === 9 && head[8] === 0x7b;
  if (!isSafetensors) return readTorchCheckpoint(file, choose);
  const { tensors } = await readSafetensors(file);
  choose([{ where: '', shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])) }], file);
  return tensors;
}
