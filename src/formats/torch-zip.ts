// torch-zip.ts: the zip container of torch.save: data.pkl, and an uncompressed entry for each storage.

import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Entry, ZipFile } from 'yauzl';
import { AppError, messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { unpickle } from './pickle.ts';
import { blockReader, readExactly } from './read-exactly.ts';
import { MAX_PICKLE_BYTES, type OpenedContainer } from './torch-container.ts';
import { torchRules } from './torch-storage.ts';
import type { Storage } from './torch-view.ts';

/** A storage is an entry of the archive; networks have thousands. Listing so many takes less than a second. */
const MAX_ENTRIES = 50_000;
/** Longest name of an entry; storages have numbers for names. */
const MAX_NAME = 1000;

export async function openZip(handle: FileHandle, file: string, size: number): Promise<OpenedContainer> {
  const archive = await openArchive(handle, file, size);
  const entries = await listEntries(archive, file);
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
    const bytes = new Uint8Array(uncompressedSize);
    await readExactly(handle, bytes, await dataStart(archive, entry, file), file);
    return bytes;
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

async function openArchive(handle: FileHandle, file: string, size: number): Promise<ZipFile> {
  const { default: yauzl } = await import('yauzl');
  const options = { lazyEntries: true, autoClose: false } as const;
  const fill = blockReader(handle, file, size);
  /** yauzl reads through this, so that the handle stays ours. */
  class HandleReader extends yauzl.RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void {
      fill(buffer.subarray(offset, offset + length), position).then(() => callback(null), callback);
    }
    override close(callback: (error: Error | null) => void): void {
      callback(null);
    }
  }
  try {
    return await new Promise<ZipFile>((resolve, reject) => {
      yauzl.fromRandomAccessReader(new HandleReader(), size, options, (error, archive) =>
        error ? reject(error) : resolve(archive),
      );
    });
  } catch (error) {
    throw damaged(file, error);
  }
}

/** By name; where a name stands twice, the first counts, as in torch. */
function listEntries(archive: ZipFile, file: string): Promise<ReadonlyMap<string, Entry>> {
  if (archive.entryCount > MAX_ENTRIES) {
    throw new AppError('FILE_INVALID', `${file} has ${archive.entryCount} entries, more than ${MAX_ENTRIES}`);
  }
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>();
    archive.on('entry', (entry: Entry) => {
      if (entry.fileName.length <= MAX_NAME && !entries.has(entry.fileName)) {
        entries.set(entry.fileName, entry);
      }
      archive.readEntry();
    });
    archive.on('end', () => resolve(entries));
    archive.on('error', (error) => reject(damaged(file, error)));
    archive.readEntry();
  });
}

async function dataStart(archive: ZipFile, entry: Entry, file: string): Promise<number> {
  try {
    const readHeader = promisify(archive.readLocalFileHeader.bind(archive)) as (
      entry: Entry,
      options: { minimal: true },
    ) => Promise<{ fileDataStart: number }>;
    return (await readHeader(entry, { minimal: true })).fileDataStart;
  } catch (error) {
    throw damaged(file, error);
  }
}

function damaged(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('FILE_INVALID', `${file} is a damaged zip archive: ${quoted(messageOf(error))}`, {
    cause: error,
  });
}
