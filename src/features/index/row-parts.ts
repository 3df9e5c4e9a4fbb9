// row-parts.ts: which picture a row is of, for any number of rows: a csv, and beside it where each line begins, so that one line is found without
// reading those before it. Where the graphs hold less than whole vectors, these are there, too, as float16.

import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { dot } from '../../util/dot.ts';
import { AppError, messageOf, openingProblem } from '../../util/errors.ts';
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
type Kind = keyof PartFiles;

const kindsOf = (files: PartFiles) => (['names', 'starts', 'vectors'] as const).filter((kind) => files[kind] !== undefined); // prettier-ignore

const pathIn = (folder: string, files: PartFiles, kind: Kind) => path.join(folder, files[kind] ?? '');

/** The files of a part, each as `open` opens it. */
async function openAll(files: PartFiles, open: (kind: Kind) => Promise<FileHandle>): Promise<Handles> {
  const handles = new Map<Kind, FileHandle>();
  try {
    for (const kind of kindsOf(files)) handles.set(kind, await open(kind));
  } catch (error) {
    await closeAll(handles);
    throw error;
  }
  return handles;
}

type Handles = ReadonlyMap<Kind, FileHandle>;

async function closeAll(handles: Handles): Promise<void> {
  for (const handle of handles.values()) await handle.close();
}

/** Writes files that only grow. */
export class PartWriter {
  readonly #folder: string;
  readonly #files: PartFiles;
  readonly #numbers: number;
  readonly #handles: Handles;
  #bytes = HEADER.length;
  #rows = 0;

  private constructor(folder: string, files: PartFiles, numbers: number, handles: Handles) {
    this.#folder = folder;
    this.#files = files;
    this.#numbers = numbers;
    this.#handles = handles;
  }

  /** @param numbers of a row. @throws AppError WRITE_FAILED */
  static async open(folder: string, files: PartFiles, numbers: number): Promise<PartWriter> {
    const handles = await openAll(files, (kind) => {
      const file = pathIn(folder, files, kind);
      return failing(file, () => open(file, 'wx'));
    });
    const writer = new PartWriter(folder, files, numbers, handles);
    try {
      await writer.#write('names', HEADER);
    } catch (error) {
      await writer.close();
      throw error;
    }
    return writer;
  }

  /** @param vectors float16, `[N, numbers]`: written where the part has them. @throws AppError WRITE_FAILED */
  async add(entries: readonly ManifestEntry[], vectors?: Uint16Array): Promise<void> {
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
    if (vectors) await this.#write('vectors', new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)); // prettier-ignore
  }

  /** Adds the rows of former files. @throws AppError FILE_INVALID where they are not as long as they should be, WRITE_FAILED */
  async join(former: RowPart): Promise<void> {
    const shift = BigInt(this.#bytes - HEADER.length);
    const part = await openPart(this.#folder, former, this.#numbers);
    try {
      for (const kind of kindsOf(former)) {
        for await (const piece of piecesOf(part, kind, kind === 'names' ? HEADER.length : 0)) {
          if (kind === 'starts') shiftStarts(piece, shift);
          await this.#write(kind, piece);
        }
      }
    } finally {
      await closeAll(part.handles);
    }
    this.#bytes += Math.max(0, former.bytes - HEADER.length);
    this.#rows += former.rows;
  }

  /** Makes them durable. @throws AppError WRITE_FAILED */
  async finish(): Promise<RowPart> {
    for (const [kind, handle] of this.#handles) await failing(pathIn(this.#folder, this.#files, kind), () => handle.sync()); // prettier-ignore
    return { ...this.#files, rows: this.#rows, bytes: this.#bytes };
  }

  close(): Promise<void> {
    return closeAll(this.#handles);
  }

  #write(kind: Kind, bytes: Uint8Array): Promise<void> {
    return failing(pathIn(this.#folder, this.#files, kind), () => this.#handles.get(kind)!.writeFile(bytes));
  }
}

function shiftStarts(starts: Buffer, shift: bigint): void {
  for (let at = 0; at < starts.length; at += START_BYTES) {
    starts.writeBigUInt64LE(BigInt.asUintN(64, starts.readBigUInt64LE(at) + shift), at);
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
  /**
   * Of a vector of length 1, or of zeros, and the whole vectors of some rows, as they were rounded to float16; NaN where one has numbers that are none.
   * @throws AppError FILE_INVALID
   */
  readonly cosines: (unit: Float32Array, rows: readonly number[]) => Promise<readonly number[]>;
  readonly close: () => Promise<void>;
}

/** Rows that are looked at before others have their turn: some milliseconds, where they are in memory. */
const ROWS_IN_A_TURN = 1024;

/** @param numbers of a row. @throws AppError FILE_INVALID where a file is missing or not as long as the record says */
export async function openRowParts(
  folder: string,
  parts: readonly RowPart[],
  numbers: number,
): Promise<OpenedRows> {
  const opened: (OpenedPart & { readonly from: number })[] = [];
  const close = async () => {
    for (const { handles } of opened) await closeAll(handles);
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
    async cosines(unit, rows) {
      const found: number[] = [];
      for (const row of rows) {
        if (found.length % ROWS_IN_A_TURN === ROWS_IN_A_TURN - 1) await nextTurn();
        const part = partOf(row);
        const vector = vectorOf(part, row - part.from, numbers);
        // It had length 1, or 0, before it was rounded.
        const length = Math.sqrt(dot(vector, vector));
        found.push(length === 0 ? 0 : dot(vector, unit) / length);
      }
      return found;
    },
    close,
  };
}

interface OpenedPart {
  readonly rows: number;
  readonly folder: string;
  readonly files: PartFiles;
  readonly sizes: Readonly<Record<Kind, number>>;
  readonly handles: Handles;
}

/** @throws AppError FILE_INVALID */
async function openPart(folder: string, part: RowPart, numbers: number): Promise<OpenedPart> {
  const { rows } = part;
  const sizes = { names: part.bytes, starts: rows * START_BYTES, vectors: rows * numbers * NUMBER_BYTES };
  const handles = await openAll(part, (kind) => openSized(pathIn(folder, part, kind), sizes[kind]));
  return { rows, folder, files: part, sizes, handles };
}

/** The bytes of one of the files from a place on. */
async function* piecesOf(
  { folder, files, sizes, handles }: OpenedPart,
  kind: Kind,
  from: number,
): AsyncGenerator<Buffer, void, undefined> {
  const to = sizes[kind];
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, to - at));
    await readExactly(handles.get(kind)!, piece, at, pathIn(folder, files, kind));
    yield piece;
  }
}

/** A file of an index, as long as it should be. @throws AppError FILE_INVALID */
export async function openSized(file: string, bytes: number): Promise<FileHandle> {
  const invalid = (problem: string, cause?: unknown) =>
    new AppError('FILE_INVALID', `${file} ${problem}; build the index again`, { cause });
  const { handle, size } = await openRegularFile(file).catch((error: unknown) => {
    throw error instanceof AppError ? error : invalid(openingProblem(error, 'is not there'), error);
  });
  if (size === bytes) return handle;
  await handle.close();
  throw invalid(`has ${size} bytes, expected ${bytes}`);
}

async function entryOf(
  { folder, files, sizes, handles, rows }: OpenedPart,
  row: number,
): Promise<ManifestEntry> {
  const bytes = sizes.names;
  const file = pathIn(folder, files, 'names');
  const isLast = row === rows - 1;
  const places = Buffer.alloc(START_BYTES * (isLast ? 1 : 2));
  await readExactly(handles.get('starts')!, places, row * START_BYTES, pathIn(folder, files, 'starts'));
  const start = Number(places.readBigUInt64LE(0));
  const end = isLast ? bytes : Number(places.readBigUInt64LE(START_BYTES));
  const isLine = start >= HEADER.length && start < end && end <= bytes && end - start <= MAX_LINE_BYTES;
  const line = Buffer.alloc(isLine ? end - start : 0);
  await readExactly(handles.get('names')!, line, start, file);
  const cells = parsed(line);
  if (cells?.length === 2) return { file: cells[0]!, className: cells[1]! };
  throw new AppError('FILE_INVALID', `${file} has no line for row ${row} where one should begin; build the index again`); // prettier-ignore
}

/** Waits for the disk: a query asks for a hundred rows, whose promises would take longer than the reading. @throws AppError FILE_INVALID */
function vectorOf({ folder, files, handles }: OpenedPart, row: number, numbers: number): Float32Array {
  const halves = new Uint16Array(numbers);
  const bytes = new Uint8Array(halves.buffer);
  const file = pathIn(folder, files, 'vectors');
  const at = row * bytes.length;
  for (let done = 0; done < bytes.length;) {
    const read = readPart(handles.get('vectors')!, bytes.subarray(done), { at: at + done, file });
    if (read === 0) throw new AppError('FILE_INVALID', `${file} ends before row ${row}; build the index again`); // prettier-ignore
    done += read;
  }
  return float16ToFloat32(halves);
}

/** @returns how many bytes were there. @throws AppError FILE_INVALID */
function readPart(
  { fd }: FileHandle,
  target: Uint8Array,
  { at, file }: { readonly at: number; readonly file: string },
): number {
  try {
    return readSync(fd, target, 0, target.length, at);
  } catch (error) {
    throw new AppError('FILE_INVALID', `${file} cannot be read: ${messageOf(error)}; build the index again`, { cause: error }); // prettier-ignore
  }
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
