// torch-checkpoint.ts: reads what torch.save wrote, in its zip and its legacy container. Never calls a global.
// Source: torch/serialization.py of PyTorch, its comments on both layouts.

import { AppError } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { readExactly } from '../util/read-exactly.ts';
import type { TensorMap } from './tensor-file.ts';
import { containerOf } from './tensor-container.ts';
import { largestGroup, viewGroups, type ChooseGroup } from './tensor-groups.ts';
import { openLegacy } from './torch-legacy.ts';
import { tensorOf } from './torch-view.ts';
import { openZip } from './torch-zip.ts';

/**
 * The tensors of one of a checkpoint's dictionaries, the largest unless `choose` takes another. Only the storages that these look
 * into are read, each into one buffer, which its tensors share.
 * @throws AppError FILE_INVALID, FILE_UNSAFE
 */
export async function readTorchCheckpoint(
  file: string,
  choose: ChooseGroup = largestGroup,
): Promise<TensorMap> {
  const { handle, size } = await openRegularFile(file);
  try {
    const head = new Uint8Array(Math.min(size, 512));
    await readExactly(handle, head, 0, file);
    const container = containerOf(head);
    const open = container === 'zip' ? openZip : container === 'legacy' ? openLegacy : undefined;
    if (!open) throw new AppError('FILE_INVALID', `${file} is no torch checkpoint; ${describe(head)}`);
    const { checkpoint, readStorages } = await open(handle, file, size);
    const groups = viewGroups(checkpoint, file);
    const chosen = choose(groups, file);
    const views = groups.find((group) => group === chosen)!.views;
    await readStorages(new Set([...views.values()].map(({ storage }) => storage)));
    return new Map([...views].map(([name, view]) => [name, tensorOf(view, file)]));
  } finally {
    await handle.close();
  }
}

/** What a file that is no checkpoint seems to be. */
function describe(head: Uint8Array): string {
  const text = Buffer.from(head).toString('latin1');
  if (head.length === 0) return 'it is empty';
  if (/^\s*<(!doctype|html)/i.test(text)) return 'it is a web page: the download went wrong';
  if (text.startsWith('version https://git-lfs'))
    return 'it is a git-lfs pointer: fetch the file itself with git lfs pull';
  if (text.slice(257, 262) === 'ustar')
    return 'it is a tar archive, as only very old torch wrote; save it again with a newer one';
  return `expected it to begin with PK or 0x80, received 0x${Buffer.from(head.subarray(0, 4)).toString('hex')}`;
}
