// journal.ts: sorted.csv: which picture went where. A row is written before its picture is placed, so that whatever a killed process did can
// be taken back.

import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { AppError, messageOf, openingProblem } from '../util/errors.ts';
import { readRegularFile, writeFailed } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';

export const JOURNAL = 'sorted.csv';

export interface SortedRow {
  /** Absolute paths. */
  readonly from: string;
  readonly to: string;
  readonly label: string;
  readonly probability: number;
}

const COLUMNS = ['from', 'to', 'label', 'probability'] as const;
/** Rows have a few hundred bytes: millions of pictures. */
const MAX_BYTES = 1024 ** 3;

export const journalText = (rows: readonly SortedRow[]): string =>
  stringify([[...COLUMNS], ...rows.map(cells)]);

/** Six decimals, as elsewhere. */
const cells = ({ from, to, label, probability }: SortedRow) => [
  from,
  to,
  label,
  Number(probability.toFixed(6)),
];

/** The rows of a journal; a last line that was cut by a kill is left out, as nothing was done for it. @throws AppError */
export async function readJournal(file: string): Promise<readonly SortedRow[]> {
  const bytes = await readRegularFile(file, { limit: MAX_BYTES }).catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_INVALID', `cannot open ${quoted(file)}: ${openingProblem(cause, 'no such file')}`, { cause }); // prettier-ignore
  });
  const text = bytes.toString();
  // A kill before or within the first line.
  if (journalText([]).startsWith(text)) return [];
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const refuse = (problem: string) =>
    new AppError('FILE_INVALID', `${quoted(file)} is no list that --sort-into wrote: ${problem}; expected the columns ${COLUMNS.join(',')}`); // prettier-ignore
  let rows: string[][];
  try {
    rows = parse(whole, { relax_column_count: true });
  } catch (error) {
    throw refuse(quoted(messageOf(error)));
  }
  const [head = [], ...rest] = rows;
  if (head.join() !== COLUMNS.join()) throw refuse(`it begins with ${quoted(head.join())}`);
  return rest.map((row, i) => {
    const [from, to, label = '', probability = ''] = row;
    const isRow = from !== undefined && to !== undefined && path.isAbsolute(from) && path.isAbsolute(to);
    if (!isRow) throw refuse(`row ${i + 2} has no two absolute paths`);
    return { from, to, label, probability: Number(probability) };
  });
}

export interface Journal {
  /** Adds a row. Returns a function that takes it out again: its picture could not be placed. @throws AppError WRITE_FAILED */
  add(row: SortedRow): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Opens the journal of a folder to go on with it. @throws AppError WRITE_FAILED */
export async function openJournal(file: string, rows: readonly SortedRow[]): Promise<Journal> {
  const failed = (error: unknown) => {
    throw writeFailed(file, error);
  };
  const handle: FileHandle = await open(file, 'a').catch(failed);
  let length = (await handle.stat()).size;
  const write = async (text: string) => {
    await handle.appendFile(text).catch(failed);
    length += Buffer.byteLength(text);
  };
  const known = journalText(rows);
  // What a kill cut off in the middle of a line is not gone on with.
  if (length !== Buffer.byteLength(known)) {
    await handle.truncate(0).catch(failed);
    length = 0;
    await write(known);
  }
  return {
    async add(row) {
      const before = length;
      await write(stringify([cells(row)]));
      return async () => {
        await handle.truncate(before).catch(failed);
        length = before;
      };
    },
    close: () => handle.close(),
  };
}
