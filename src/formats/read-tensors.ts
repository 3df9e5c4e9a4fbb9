// read-tensors.ts: the named tensors of a file, in any container. The container is recognised by its content, not by its name.

import { AppError, messageOf } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readSafetensors } from './safetensors.ts';
import { containerOf, TELLING_BYTES, type Container } from './tensor-container.ts';
import type { TensorMap } from './tensor-file.ts';
import { largestGroup, type ChooseGroup } from './tensor-groups.ts';
import { readIndexed } from './tensor-index.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';

/**
 * @param choose which of a checkpoint's dictionaries is wanted; the largest where it does not say
 * @throws AppError FILE_INVALID, FILE_UNSAFE, and what `choose` throws
 */
export async function readTensors(file: string, choose: ChooseGroup = largestGroup): Promise<TensorMap> {
  const container = await containerIn(file);
  if (container !== 'safetensors' && container !== 'index') return readTorchCheckpoint(file, choose);
  const tensors =
    container === 'safetensors' ? (await readSafetensors(file)).tensors : await readIndexed(file, readPart);
  choose([{ where: '', shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])) }], file);
  return tensors;
}

/** One of the files that an index names. It is no index itself, so that nothing leads in a circle. */
async function readPart(file: string): Promise<TensorMap> {
  if ((await containerIn(file)) !== 'index') return readTensors(file);
  throw new AppError('FILE_INVALID', `${file} is an index of files, expected one of the files with weights`);
}

async function containerIn(file: string): Promise<Container | undefined> {
  const { handle } = await openRegularFile(file).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const head = new Uint8Array(TELLING_BYTES);
  const { bytesRead } = await handle.read(head, 0, TELLING_BYTES, 0).finally(() => handle.close());
  return containerOf(head.subarray(0, bytesRead));
}
