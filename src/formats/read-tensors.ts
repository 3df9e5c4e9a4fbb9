// read-tensors.ts: the named tensors of a file, in any container. The container is recognised by its content, not by its name.

import { AppError, messageOf } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readSafetensors } from './safetensors.ts';
import type { TensorMap } from './tensor-file.ts';
import { largestGroup, type ChooseGroup } from './tensor-groups.ts';
import { readIndexed } from './tensor-index.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';

/**
 * @param choose which of a checkpoint's dictionaries is wanted; the largest where it does not say
 * @throws AppError FILE_INVALID, FILE_UNSAFE, and what `choose` throws
 */
export async function readTensors(file: string, choose: ChooseGroup = largestGroup): Promise<TensorMap> {
  const container = await containerOf(file);
  if (container === 'checkpoint') return readTorchCheckpoint(file, choose);
  const tensors =
    container === 'safetensors' ? (await readSafetensors(file)).tensors : await readIndexed(file, readPart);
  choose([{ where: '', shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])) }], file);
  return tensors;
}

/** One of the files that an index names. It is no index itself, so that nothing leads in a circle. */
async function readPart(file: string): Promise<TensorMap> {
  if ((await containerOf(file)) !== 'index') return readTensors(file);
  throw new AppError('FILE_INVALID', `${file} is an index of files, expected one of the files with weights`);
}

const BRACE = 0x7b;

async function containerOf(file: string): Promise<'safetensors' | 'index' | 'checkpoint'> {
  const { handle } = await openRegularFile(file).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const head = new Uint8Array(9);
  await handle.read(head, 0, 9, 0).finally(() => handle.close());
  // A safetensors file begins with the header's length in eight bytes, then JSON; neither of torch's containers has a { there.
  if (head[8] === BRACE) return 'safetensors';
  return head[0] === BRACE ? 'index' : 'checkpoint';
}
