// zip.ts: the entries of a zip archive from outside, by yauzl, which reads through a handle of ours.

import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { AppError, messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { blockReader, readExactly } from '../util/read-exactly.ts';

/** torch has an entry for each storage, and networks have thousands. Listing so many takes less than a second. */
const MAX_ENTRIES = 50_000;
/** Longest name of an entry. */
const MAX_NAME = 1000;

export interface Archive {
  /** By name; where a name stands twice, the first counts, as in torch. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** An entry's bytes, as many as it promises, which the caller has found not to be too many. @throws AppError FILE_INVALID */
  readonly read: (entry: Entry) => Promise<Uint8Array>;
}

/** @throws AppError FILE_INVALID for what is no zip archive, or a damaged one */
export async function openArchive(handle: FileHandle, file: string, size: number): Promise<Archive> {
  const archive = await open(handle, file, size);
  const entries = await listEntries(archive, file);
  const read = async (entry: Entry) => {
    const { compressionMethod, compressedSize, uncompressedSize } = entry;
    if (compressedSize > size) throw damaged(file, `${quoted(entry.fileName)} is longer than the file`);
    const bytes = new Uint8Array(compressedSize);
    await readExactly(handle, bytes, await dataStart(archive, entry, file), file);
    if (compressionMethod === STORED && compressedSize === uncompressedSize) return bytes;
    if (compressionMethod !== DEFLATED) throw damaged(file, `${quoted(entry.fileName)} is compressed in a way that zip programs do not use`); // prettier-ignore
    return inflated(bytes, uncompressedSize).catch((error: unknown) => {
      throw damaged(file, error);
    });
  };
  return { entries, read };
}

const [STORED, DEFLATED] = [0, 8];

async function inflated(bytes: Uint8Array, length: number): Promise<Uint8Array> {
  const result = await promisify(inflateRaw)(bytes, { maxOutputLength: Math.max(1, length) });
  if (result.length !== length) throw new Error(`an entry has ${result.length} bytes, and ${length} were promised`); // prettier-ignore
  return result;
}

async function open(handle: FileHandle, file: string, size: number): Promise<ZipFile> {
  const { default: yauzl } = await import('yauzl');
  const options = { lazyEntries: true, autoClose: false } as const;
  const fill = blockReader((target, at) => readExactly(handle, target, at, file), size);
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
  const problem = typeof error === 'string' ? error : quoted(messageOf(error));
  return new AppError('FILE_INVALID', `${file} is a damaged zip archive: ${problem}`, { cause: error });
}
