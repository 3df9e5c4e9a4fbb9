// row-file.ts: rows of float32 features and the class of each in two flat files, so that many passes can read them as fast as a disk gives
// them. Written once, from the first row to the last.

import { open, type FileHandle } from 'node:fs/promises';
import { AppError, openingProblem } from '../util/errors.ts';
import { writeFailed } from '../util/files.ts';
import { mapOrdered } from '../util/streams.ts';

export interface RowFilePaths {
  /** `[N,D]` float32, little-endian. */
  readonly rows: string;
  /** `[N]` int32. */
  readonly labels: string;
}

export interface RowFileWriter {
  /** @param rows `[N,D]`. @param labels `[N]`. @throws AppError WRITE_FAILED */
  add(rows: Float32Array, labels: Int32Array): Promise<void>;
  /** On the disk for good after this. @throws AppError WRITE_FAILED; both files are closed then too */
  close(): Promise<void>;
}

/** Takes the place of former files. @throws AppError WRITE_FAILED */
export async function createRowFile(paths: RowFilePaths): Promise<RowFileWriter> {
  const failing = (file: string) => (error: unknown) => {
    throw writeFailed(file, error);
  };
  const rows = await open(paths.rows, 'w').catch(failing(paths.rows));
  const labels = await open(paths.labels, 'w').catch(async (error: unknown) => {
    await rows.close();
    return failing(paths.labels)(error);
  });
  const end = (handle: FileHandle, file: string) =>
    handle
      .sync()
      .finally(() => handle.close())
      .catch(failing(file));
  return {
    async add(block, classes) {
      await rows.writeFile(bytesOf(block)).catch(failing(paths.rows));
      await labels.writeFile(bytesOf(classes)).catch(failing(paths.labels));
    },
    close: () => end(rows, paths.rows).finally(() => end(labels, paths.labels)),
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

interface Extent {
  readonly numbers: number;
  readonly count: number;
  /** Rows that are read at once. */
  readonly blockRows: number;
}

/** Blocks that are read while one is worked on. */
const AHEAD = 2;

/** All rows in their order; the next block is read while the caller is busy with one. @throws AppError FILE_INVALID */
export async function* readRowFile(
  paths: RowFilePaths,
  { numbers, count, blockRows }: Extent,
): AsyncGenerator<{ readonly rows: Float32Array; readonly labels: Int32Array }, void, undefined> {
  const opened = (file: string) =>
    open(file, 'r').catch((error: unknown) => {
      throw new AppError('FILE_INVALID', `${file}: ${openingProblem(error, 'it is not there any more')}; begin the run anew`, { cause: error }); // prettier-ignore
    });
  const rows = await opened(paths.rows);
  const labels = await opened(paths.labels).catch(async (error: unknown) => {
    await rows.close();
    throw error;
  });
  const starts = Array.from({ length: Math.ceil(count / blockRows) }, (_, i) => i * blockRows);
  try {
    yield* mapOrdered(each(starts), AHEAD, async (from) => {
      const length = Math.min(blockRows, count - from);
      const block = { rows: new Float32Array(length * numbers), labels: new Int32Array(length) };
      await readAll(rows, paths.rows, { target: bytesOf(block.rows), at: from * numbers * 4 });
      await readAll(labels, paths.labels, { target: bytesOf(block.labels), at: from * 4 });
      return block;
    });
  } finally {
    await rows.close();
    await labels.close();
  }
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* items;
}

async function readAll(
  handle: FileHandle,
  file: string,
  { target, at }: { readonly target: Uint8Array; readonly at: number },
): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await handle.read(target, done, target.length - done, at + done);
    if (bytesRead === 0) throw new AppError('FILE_INVALID', `${file} was cut short; begin the run anew`);
    done += bytesRead;
  }
}
