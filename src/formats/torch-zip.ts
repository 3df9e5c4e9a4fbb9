// torch-zip.ts: the zip container of torch.save: data.pkl, and an uncompressed entry for each storage.

import type { FileHandle } from 'node:fs/promises';
import type { Entry } from 'yauzl';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { unpickle } from './pickle.ts';
import { MAX_PICKLE_BYTES, type OpenedContainer } from './torch-container.ts';
import { torchRules } from './torch-storage.ts';
import type { Storage } from './torch-view.ts';
import { openArchive } from './zip.ts';

export async function openZip(handle: FileHandle, file: string, size: number): Promise<OpenedContainer> {
  const archive = await openArchive(handle, file, size);
  const { entries } = archive;
  const pickled = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickled === undefined)
    throw new AppError('FILE_INVALID', `${file} is a zip archive without data.pkl: no torch checkpoint`);
  const root = pickled.slice(0, -'data.pkl'.length);
  if ([...entries.keys()].some((name) => name.startsWith(`${root}code/`))) {
    throw new AppError(
      'FILE_INVALID',
      `${file} is a TorchScript program, not weights; in PyTorch, save model.state_dict() and import that`,
    );
  }
  const read = async (entry: Entry, limit: number) => {
    const { compressionMethod, compressedSize, uncompressedSize } = entry;
    if (
      compressionMethod !== 0 ||
      compressedSize !== uncompressedSize ||
      uncompressedSize > Math.min(limit, size)
    ) {
      throw new AppError(
        'FILE_INVALID',
        `${file}: '${quoted(entry.fileName)}' is compressed or too large; torch does neither`,
      );
    }
    return archive.read(entry);
  };
  const order = entries.get(`${root}byteorder`);
  if (order && Buffer.from(await read(order, 16)).toString() !== 'little') {
    throw new AppError(
      'FILE_INVALID',
      `${file} was written on a big-endian machine; finch reads little-endian`,
    );
  }
  const entry = entries.get(pickled)!;
  if (entry.uncompressedSize > MAX_PICKLE_BYTES) {
    throw new AppError(
      'FILE_INVALID',
      `${file} has a pickle of ${entry.uncompressedSize} bytes, the limit is ${MAX_PICKLE_BYTES}: its weights are no tensors; save tensors (torch.from_numpy)`,
    );
  }
  const pickle = await read(entry, MAX_PICKLE_BYTES);
  const { value } = unpickle(pickle, 0, torchRules(file, pickle.length, new Map()));

  const readStorages = async (wanted: ReadonlySet<Storage>) => {
    let total = 0;
    for (const storage of wanted) {
      // Entries may overlap in a hostile archive; together they must not hold more bytes than the file.
      total += storage.byteLength;
      if (total > size)
        throw new AppError('FILE_INVALID', `${file} promises more bytes of tensors than it has`);
      const entry = entries.get(`${root}data/${storage.key}`);
      if (!entry || entry.uncompressedSize !== storage.byteLength) {
        throw new AppError(
          'FILE_INVALID',
          `${file}: storage ${quoted(storage.key)} has ${entry?.uncompressedSize ?? 'no'} bytes, expected ${storage.byteLength}`,
        );
      }
      storage.bytes = await read(entry, size);
    }
  };
  return { checkpoint: value, readStorages };
}
