// row-parts.ts: which picture a row is of, and its numbers, for any number of rows: a csv, beside it where each line begins, and the vectors as
// float16. One row is found without reading those before it.

import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { AppError, openingProblem } from '../../util/errors.ts';
import { openRegularFile, writeFailed } from '../../util/files.ts';
import { float16ToFloat32 } from '../../util/float16.ts';
import { readExactly } from '../../util/read-exactly.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { RowPart } from './record.ts';

const HEADER = Buffer.from('file,class\n');
/** Of a place in the csv. */
const START_BYTES = 8;
/** A path and a class of more are no names that any system has. */
const MAX_LINE_BYTES = 2 ** 20;
/** Of a file that is copied; a multiple of START_BYTES. */
const PIECE_BYTES = 2 ** 20;

/** Of a number of a vector. */
const NUMBER_BYTES = 2;

type PartFiles = Pick<RowPart, 'names' | 'starts' | 'vectors'>;
const FILES = ['names', 'starts', 'vectors'] as const;

/** Writes three files that only grow. */
export class PartWriter {
  readonly #folder: string;
  readonly #files: PartFiles;
  readonly #numbers: number;
  readonly #handles: Readonly<Record<keyof PartFiles, FileHandle>>;
  #bytes = HEADER.length;
  #rows = 0;

  private constructor(
    place: { readonly folder: string; readonly files: PartFiles; readonly numbers: number },
    handles: Readonly<Record<keyof PartFiles, FileHandle>>,
  ) {
    this.#folder = place.folder;
    this.#files = place.files;
    this.#numbers = place.numbers;
    this.#handles = handles;
  }

  /** @param numbers of a row. @throws AppError WRITE_FAILED */
  static async open(folder: string, files: PartFiles, numbers: number): Promise<PartWriter> {
    const opened: FileHandle[] = [];
    try {
      for (const kind of FILES) {
        opened.push(
          await failing(path.join(folder, files[kind]), () => open(path.join(folder, files[kind]), 'wx')),
        );
      }
      const [names, starts, vectors] = opened as [FileHandle, FileHandle, FileHandle];
      const writer = new PartWriter({ folder, files, numbers }, { names, starts, vectors });
      await writer.#write('names', HEADER);
      return writer;
    } catch (error) {
      for (const handle of opened) await handle.close();
      throw error;
    }
  }

  /** @param vectors float16, `[N, numbers]`. @throws AppError WRITE_FAILED */
  async add(entries: readonly ManifestEntry[], vectors: Uint16Array): Promise<void> {
    const starts = Buffer.alloc(entries.length * START_BYTES);
    const lines = entries.map(({ file, className }, i) => {
      const line = Buffer.from(stringify([[file, className]]));
      starts.writeBigUInt64LE(BigInt(this.#bytes), i * START_BYTES);
      this.#bytes += line.length;
      return line;
    });
    this.#rows += entries.length;
    await this.#write('names', Buffer.concat(lines));
    await this.#write('starts', starts);
    await this.#write('vectors', new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));
  }

  /** Adds the rows of former files. @throws AppError FILE_INVALID where they are not as long as they should be, WRITE_FAILED */
  async join(former: RowPart): Promise<void> {
    const shift = BigInt(this.#bytes - HEADER.length);
    const part = await openPart(this.#folder, former, this.#numbers);
    try {
      for await (const lines of piecesOf(part, 'names', HEADER.length)) await this.#write('names', lines);
      for await (const starts of piecesOf(part, 'starts')) {
        for (let at = 0; at < starts.length; at += START_BYTES) {
          starts.writeBigUInt64LE(BigInt.asUintN(64, starts.readBigUInt64LE(at) + shift), at);
        }
        await this.#write('starts', starts);
      }
      for await (const vectors of piecesOf(part, 'vectors')) await this.#write('vectors', vectors);
    } finally {
      await closePart(part);
    }
    this.#bytes += Math.max(0, former.bytes - HEADER.length);
    this.#rows += former.rows;
  }

  /** Makes them durable. @throws AppError WRITE_FAILED */
  async finish(): Promise<RowPart> {
    for (const kind of FILES) await failing(this.#pathOf(kind), () => this.#handles[kind].sync());
    return { ...this.#files, rows: this.#rows, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    for (const kind of FILES) await this.#handles[kind].close();
  }

  #pathOf = (kind: keyof PartFiles) => path.join(this.#folder, this.#files[kind]);

  #write(kind: keyof PartFiles, bytes: Uint8Array): Promise<void> {
    return failing(this.#pathOf(kind), () => this.#handles[kind].writeFile(bytes));
  }
}

async function failing<T>(file: string, action: () => Promise<T>): Promise<T> {
  return action().catch((error: unknown) => {
    throw writeFailed(file, error);
  });
}

export interface OpenedRows {
  /** Which pictures some rows of the index are of. @throws AppError FILE_INVALID */
  readonly names: (rows: ReadonlySet<number>) => Promise<ReadonlyMap<number, ManifestEntry>>;
  /** The numbers of some rows, as they were rounded to float16. @throws AppError FILE_INVALID */
  readonly vectors: (rows: readonly number[]) => readonly Float32Array[];
  readonly close: () => Promise<void>;
}

/** @param numbers of a row. @throws AppError FILE_INVALID where a file is missing or not as long as the record says */
export async function openRowParts(
  folder: string,
  parts: readonly RowPart[],
  numbers: number,
): Promise<OpenedRows> {
  const opened: (OpenedPart & { readonly from: number })[] = [];
  const close = async () => {
    for (const part of opened) await closePart(part);
  };
  try {
    let from = 0;
    for (const part of parts) {
      opened.push({ ...(await openPart(folder, part, numbers)), from });
      from += part.rows;
    }
  } catch (error) {
    await close();
    throw error;
  }
  const partOf = (row: number) => opened.findLast(({ from }) => from <= row)!;
  return {
    async names(rows) {
      const entries = await Promise.all(
        [...rows].map(async (row) => {
          const part = partOf(row);
          return [row, await entryOf(part, row - part.from)] as const;
        }),
      );
      return new Map(entries);
    },
    vectors: (rows) =>
      rows.map((row) => {
        const part = partOf(row);
        return vectorOf(part, row - part.from, numbers);
      }),
    close,
  };
}

interface OpenedPart {
  readonly rows: number;
  readonly folder: string;
  readonly files: PartFiles;
  readonly sizes: Readonly<Record<keyof PartFiles, number>>;
  readonly handles: Readonly<Record<keyof PartFiles, FileHandle>>;
}

/** @throws AppError FILE_INVALID */
async function openPart(folder: string, part: RowPart, numbers: number): Promise<OpenedPart> {
  const sizes = {
    names: part.bytes,
    starts: part.rows * START_BYTES,
    vectors: part.rows * numbers * NUMBER_BYTES,
  };
  const opened: FileHandle[] = [];
  try {
    for (const kind of FILES) opened.push(await opening(path.join(folder, part[kind]), sizes[kind]));
  } catch (error) {
    for (const handle of opened) await handle.close();
    throw error;
  }
  const [names, starts, vectors] = opened as [FileHandle, FileHandle, FileHandle];
  return { rows: part.rows, folder, files: part, sizes, handles: { names, starts, vectors } };
}

async function closePart({ handles }: OpenedPart): Promise<void> {
  for (const kind of FILES) await handles[kind].close();
}

const pathIn = ({ folder, files }: OpenedPart, kind: keyof PartFiles) => path.join(folder, files[kind]);

/** The bytes of one of the files from a place on. */
async function* piecesOf(
  part: OpenedPart,
  kind: keyof PartFiles,
  from = 0,
): AsyncGenerator<Buffer, void, undefined> {
  const to = part.sizes[kind];
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, to - at));
    await readExactly(part.handles[kind], piece, at, pathIn(part, kind));
    yield piece;
  }
}

async function opening(file: string, bytes: number): Promise<FileHandle> {
  const invalid = (problem: string, cause?: unknown) =>
    new AppError('FILE_INVALID', `${file} ${problem}; build the index again`, { cause });
  const { handle, size } = await openRegularFile(file).catch((error: unknown) => {
    throw error instanceof AppError ? error : invalid(openingProblem(error, 'is not there'), error);
  });
  if (size === bytes) return handle;
  await handle.close();
  throw invalid(`has ${size} bytes, expected ${bytes}`);
}

async function entryOf(part: OpenedPart, row: number): Promise<ManifestEntry> {
  const { handles, rows } = part;
  const bytes = part.sizes.names;
  const file = pathIn(part, 'names');
  const isLast = row === rows - 1;
  const places = Buffer.alloc(START_BYTES * (isLast ? 1 : 2));
  await readExactly(handles.starts, places, row * START_BYTES, pathIn(part, 'starts'));
  const start = Number(places.readBigUInt64LE(0));
  const end = isLast ? bytes : Number(places.readBigUInt64LE(START_BYTES));
  const isLine = start >= HEADER.length && start < end && end <= bytes && end - start <= MAX_LINE_BYTES;
  const line = Buffer.alloc(isLine ? end - start : 0);
  await readExactly(handles.names, line, start, file);
  const cells = parsed(line);
  if (cells?.length === 2) return { file: cells[0]!, className: cells[1]! };
  throw new AppError('FILE_INVALID', `${file} has no line for row ${row} where one should begin; build the index again`); // prettier-ignore
}

/** Waits for the disk: a query asks for a hundred rows, whose promises would take longer than the reading. */
function vectorOf(part: OpenedPart, row: number, numbers: number): Float32Array {
  const halves = new Uint16Array(numbers);
  const bytes = new Uint8Array(halves.buffer);
  let done = 0;
  while (done < bytes.length) {
    const read = readSync(
      part.handles.vectors.fd,
      bytes,
      done,
      bytes.length - done,
      row * bytes.length + done,
    );
    if (read === 0) throw new AppError('FILE_INVALID', `${pathIn(part, 'vectors')} ends before row ${row}; build the index again`); // prettier-ignore
    done += read;
  }
  return float16ToFloat32(halves);
}

/** Undefined for what is not one line of a csv. */
function parsed(line: Buffer): readonly string[] | undefined {
  try {
    const records: string[][] = parse(line);
    return records.length === 1 ? records[0] : undefined;
  } catch {
    return undefined;
  }
}
