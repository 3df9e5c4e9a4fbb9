// names.ts: which picture a row is of, for any number of rows: a csv, and beside it where each line begins, so that one line is found without
// reading those before it.

import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { AppError, openingProblem } from '../../util/errors.ts';
import { openRegularFile, writeFailed } from '../../util/files.ts';
import { readExactly } from '../../util/read-exactly.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { NamesFile } from './record.ts';

const HEADER = Buffer.from('file,class\n');
/** Of a place in the csv. */
const START_BYTES = 8;
/** A path and a class of more are no names that any system has. */
const MAX_LINE_BYTES = 2 ** 20;
/** Of a file that is copied; a multiple of START_BYTES. */
const PIECE_BYTES = 2 ** 20;

/** Writes two files that only grow. */
export class NamesWriter {
  readonly #folder: string;
  readonly #names: { readonly file: string; readonly starts: string };
  readonly #csv: FileHandle;
  readonly #starts: FileHandle;
  #bytes = HEADER.length;
  #rows = 0;

  private constructor(
    folder: string,
    names: { readonly file: string; readonly starts: string },
    [csv, starts]: readonly [FileHandle, FileHandle],
  ) {
    this.#folder = folder;
    this.#names = names;
    this.#csv = csv;
    this.#starts = starts;
  }

  /** @throws AppError WRITE_FAILED */
  static async open(
    folder: string,
    names: { readonly file: string; readonly starts: string },
  ): Promise<NamesWriter> {
    return failing(path.join(folder, names.file), async () => {
      const csv = await open(path.join(folder, names.file), 'wx');
      const starts = await open(path.join(folder, names.starts), 'wx').catch(async (error: unknown) => {
        await csv.close();
        throw error;
      });
      await csv.writeFile(HEADER);
      return new NamesWriter(folder, names, [csv, starts]);
    });
  }

  /** @throws AppError WRITE_FAILED */
  async add(entries: readonly ManifestEntry[]): Promise<void> {
    const starts = Buffer.alloc(entries.length * START_BYTES);
    const lines = entries.map(({ file, className }, i) => {
      const line = Buffer.from(stringify([[file, className]]));
      starts.writeBigUInt64LE(BigInt(this.#bytes), i * START_BYTES);
      this.#bytes += line.length;
      return line;
    });
    this.#rows += entries.length;
    await failing(path.join(this.#folder, this.#names.file), async () => {
      await this.#csv.writeFile(Buffer.concat(lines));
      await this.#starts.writeFile(starts);
    });
  }

  /** Adds the lines of two former files. @throws AppError FILE_INVALID where they are not as long as they should be, WRITE_FAILED */
  async join(former: NamesFile): Promise<void> {
    const shift = BigInt(this.#bytes - HEADER.length);
    const part = await openPart(this.#folder, former);
    const target = path.join(this.#folder, this.#names.file);
    try {
      for await (const lines of piecesOf(part.csv, { from: HEADER.length, to: former.bytes, file: part.file })) {
        await failing(target, () => this.#csv.writeFile(lines));
      }
      for await (const starts of piecesOf(part.starts, { from: 0, to: former.rows * START_BYTES, file: part.file })) {
        for (let at = 0; at < starts.length; at += START_BYTES) {
          starts.writeBigUInt64LE(BigInt.asUintN(64, starts.readBigUInt64LE(at) + shift), at);
        }
        await failing(target, () => this.#starts.writeFile(starts));
      }
    } finally {
      await closePart(part);
    }
    this.#bytes += Math.max(0, former.bytes - HEADER.length);
    this.#rows += former.rows;
  } // prettier-ignore

  /** Makes them durable. @throws AppError WRITE_FAILED */
  async finish(): Promise<NamesFile> {
    await failing(path.join(this.#folder, this.#names.file), async () => {
      await this.#csv.sync();
      await this.#starts.sync();
    });
    return { ...this.#names, rows: this.#rows, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    await this.#csv.close();
    await this.#starts.close();
  }
}

async function failing<T>(file: string, action: () => Promise<T>): Promise<T> {
  return action().catch((error: unknown) => {
    throw writeFailed(file, error);
  });
}

export interface OpenedNames {
  /** Of some rows of the index. @throws AppError FILE_INVALID */
  readonly of: (rows: ReadonlySet<number>) => Promise<ReadonlyMap<number, ManifestEntry>>;
  readonly close: () => Promise<void>;
}

/** @throws AppError FILE_INVALID where a file is missing or not as long as the record says */
export async function openNames(folder: string, parts: readonly NamesFile[]): Promise<OpenedNames> {
  const opened: (OpenedPart & { readonly from: number })[] = [];
  const close = async () => {
    for (const part of opened) await closePart(part);
  };
  try {
    let from = 0;
    for (const part of parts) {
      opened.push({ ...(await openPart(folder, part)), from });
      from += part.rows;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async of(rows) {
      const entries = new Map<number, ManifestEntry>();
      for (const row of rows) {
        const part = opened.findLast(({ from }) => from <= row)!;
        entries.set(row, await entryOf(part, row - part.from));
      }
      return entries;
    },
    close,
  };
}

interface OpenedPart extends Omit<NamesFile, 'starts'> {
  readonly csv: FileHandle;
  readonly starts: FileHandle;
}

/** @throws AppError FILE_INVALID */
async function openPart(folder: string, part: NamesFile): Promise<OpenedPart> {
  const file = path.join(folder, part.file);
  const csv = await opening(file, part.bytes);
  const starts = await opening(path.join(folder, part.starts), part.rows * START_BYTES).catch(async (error: unknown) => {
    await csv.close();
    throw error;
  }); // prettier-ignore
  return { ...part, file, csv, starts };
}

async function closePart({ csv, starts }: OpenedPart): Promise<void> {
  await csv.close();
  await starts.close();
}

/** The bytes from one place to another. */
async function* piecesOf(
  handle: FileHandle,
  { from, to, file }: { readonly from: number; readonly to: number; readonly file: string },
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, to - at));
    await readExactly(handle, piece, at, file);
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

async function entryOf({ file, csv, starts, rows, bytes }: OpenedPart, row: number): Promise<ManifestEntry> {
  const isLast = row === rows - 1;
  const places = Buffer.alloc(START_BYTES * (isLast ? 1 : 2));
  await readExactly(starts, places, row * START_BYTES, file);
  const start = Number(places.readBigUInt64LE(0));
  const end = isLast ? bytes : Number(places.readBigUInt64LE(START_BYTES));
  const isLine = start >= HEADER.length && start < end && end <= bytes && end - start <= MAX_LINE_BYTES;
  const line = Buffer.alloc(isLine ? end - start : 0);
  await readExactly(csv, line, start, file);
  const cells = parsed(line);
  if (cells?.length === 2) return { file: cells[0]!, className: cells[1]! };
  throw new AppError('FILE_INVALID', `${file} has no line for row ${row} where one should begin; build the index again`); // prettier-ignore
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
