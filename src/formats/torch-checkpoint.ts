// torch-checkpoint.ts: reads what torch.save wrote, in its zip and its legacy container. Never calls a global.
// Source: torch/serialization.py of PyTorch, its comments on both layouts.

import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Entry, ZipFile } from 'yauzl';
import { AppError, messageOf } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { PickleEnds, unpickle, type PickleValue } from './pickle.ts';
import { readExactly } from './read-exactly.ts';
import type { TensorMap } from './tensor-file.ts';
import { stateDictOf, Storage, torchRules } from './torch-storage.ts';

/** Names, shapes and offsets of a thousand layers take less than a megabyte. */
const MAX_PICKLE_BYTES = 256 * 1024 * 1024;
/** A storage is an entry of the archive; networks have thousands. */
const MAX_ENTRIES = 200_000;

/** First number of a legacy file. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

/**
 * The tensors of a state dict. Every storage is read from the file into one buffer, which its tensors share.
 * @throws AppError FILE_INVALID, FILE_UNSAFE
 */
export async function readTorchCheckpoint(file: string): Promise<TensorMap> {
  const { handle, size } = await openRegularFile(file);
  try {
    const head = new Uint8Array(Math.min(size, 512));
    await readExactly(handle, head, 0, file);
    if (head[0] === 0x50 && head[1] === 0x4b) return await readZip(handle, file, size);
    if (head[0] === 0x80) return await readLegacy(handle, file, size);
    throw new AppError('FILE_INVALID', `${file} is no torch checkpoint; ${describe(head)}`);
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

async function readZip(handle: FileHandle, file: string, size: number): Promise<TensorMap> {
  const archive = await openArchive(handle, file, size);
  try {
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
          `${file}: '${entry.fileName}' is compressed or too large; torch does neither`,
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
    const storages = new Map<string, Storage>();
    const { value } = unpickle(
      await read(entries.get(pickled)!, MAX_PICKLE_BYTES),
      0,
      torchRules(file, storages),
    );
    let total = 0;
    for (const storage of storages.values()) {
      // Entries may overlap in a hostile archive; what they hold together cannot be more than the file.
      total += storage.byteLength;
      if (total > size)
        throw new AppError('FILE_INVALID', `${file} promises more bytes of tensors than it has`);
      const entry = entries.get(`${root}data/${storage.key}`);
      if (!entry || entry.uncompressedSize !== storage.byteLength) {
        throw new AppError(
          'FILE_INVALID',
          `${file}: storage ${storage.key} has ${entry?.uncompressedSize ?? 'no'} bytes, expected ${storage.byteLength}`,
        );
      }
      storage.bytes = await read(entry, size);
    }
    return stateDictOf(value, file);
  } finally {
    archive.close();
  }
}

async function openArchive(handle: FileHandle, file: string, size: number): Promise<ZipFile> {
  const { default: yauzl } = await import('yauzl');
  const options = { lazyEntries: true, autoClose: false } as const;
  /** yauzl reads through this, so that the handle stays ours. */
  class HandleReader extends yauzl.RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void {
      readExactly(handle, buffer.subarray(offset, offset + length), position, file).then(
        () => callback(null),
        callback,
      );
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

function listEntries(archive: ZipFile, file: string): Promise<ReadonlyMap<string, Entry>> {
  if (archive.entryCount > MAX_ENTRIES) {
    throw new AppError('FILE_INVALID', `${file} has ${archive.entryCount} entries, more than ${MAX_ENTRIES}`);
  }
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>();
    archive.on('entry', (entry: Entry) => {
      entries.set(entry.fileName, entry);
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
  return new AppError('FILE_INVALID', `${file} is a damaged zip archive: ${messageOf(error)}`, {
    cause: error,
  });
}

/** Five pickles (magic, protocol, machine, the checkpoint, its storages' keys), then every storage: a count and its numbers. */
async function readLegacy(handle: FileHandle, file: string, size: number): Promise<TensorMap> {
  const storages = new Map<string, Storage>();
  const { values, end } = await readPickles(handle, file, size, storages);
  const [magic, protocol, machine, checkpoint, keys] = values;
  if (magic !== LEGACY_MAGIC || protocol !== LEGACY_PROTOCOL) {
    throw new AppError('FILE_INVALID', `${file} is a pickle, but none that torch.save wrote`);
  }
  if (machine instanceof Map && machine.get('little_endian') === false) {
    throw new AppError(
      'FILE_INVALID',
      `${file} was written on a big-endian machine; finch reads little-endian`,
    );
  }
  let at = end;
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = storages.get(String(key));
    if (!storage)
      throw new AppError('FILE_INVALID', `${file} lists storage ${String(key)}, which no tensor has`);
    const count = new Uint8Array(8);
    await readExactly(handle, count, at, file);
    at += 8;
    const stored = new DataView(count.buffer).getBigInt64(0, true);
    if (stored !== BigInt(storage.count) || storage.byteLength > size - at) {
      throw new AppError(
        'FILE_INVALID',
        `${file}: storage ${storage.key} has ${stored} numbers, expected ${storage.count}, and ${size - at} bytes are left`,
      );
    }
    storage.bytes = new Uint8Array(storage.byteLength);
    await readExactly(handle, storage.bytes, at, file);
    at += storage.byteLength;
  }
  return stateDictOf(checkpoint ?? null, file);
}

/** The pickles stand at the beginning and do not say how long they are: more is read until they end. */
async function readPickles(handle: FileHandle, file: string, size: number, storages: Map<string, Storage>) {
  for (let length = Math.min(size, 1024 * 1024); ; length = Math.min(size, length * 4)) {
    const bytes = new Uint8Array(length);
    await readExactly(handle, bytes, 0, file);
    storages.clear();
    const rules = torchRules(file, storages);
    try {
      const values: PickleValue[] = [];
      let end = 0;
      for (let i = 0; i < 5; i++) {
        const result = unpickle(bytes, end, rules);
        values.push(result.value);
        end = result.end;
      }
      return { values, end };
    } catch (error) {
      const more = error instanceof PickleEnds && length < size && length < MAX_PICKLE_BYTES;
      if (!more) throw error;
    }
  }
}
