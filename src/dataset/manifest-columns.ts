// manifest-columns.ts: finds which columns of a csv name the picture, its label and its part: by the header or, without one, by
// the cells. It reads no files.

import path from 'node:path';
import { IMAGE_EXTENSIONS } from '../images/passed-over.ts';
import { AppError } from '../util/errors.ts';
import { invalid, list, quoted } from './dataset.ts';
import { splitNamed, type SplitName } from './split-names.ts';

/** Column names to use when the user gives none; the first that exists is taken. */
const FILE_COLUMNS = [
  'file', 'path', 'filename', 'image', 'filepath', 'file_name', 'image_path', 'image_name', 'img', 'img_path', 'image_id', 'fname', 'name', 'id',
] as const; // prettier-ignore
const LABEL_COLUMNS = [
  'label', 'labels', 'class', 'wnid', 'index', 'class_name', 'category', 'target', 'species', 'breed', 'classid', 'class_id', 'label_id',
] as const; // prettier-ignore
const SPLIT_COLUMNS = ['split', 'set', 'subset'] as const;
/** Columns of yes and no, with the part that each of the two means. */
const YES_NO_COLUMNS: Readonly<Record<string, { readonly yes: SplitName; readonly no: SplitName }>> = {
  is_valid: { yes: 'val', no: 'train' },
  is_val: { yes: 'val', no: 'train' },
  is_validation: { yes: 'val', no: 'train' },
  is_test: { yes: 'test', no: 'train' },
  is_train: { yes: 'train', no: 'val' },
  is_training: { yes: 'train', no: 'val' },
};

/** Whether a path looks like a picture's by its ending. */
export function hasImageExtension(name: string): boolean {
  const extension = path.extname(name).toLowerCase();
  return IMAGE_EXTENSIONS.some((known) => known === extension);
}

/** How many rows are used to recognise columns without names. */
const SAMPLE_ROWS = 100;

export interface Columns {
  readonly fileAt: number;
  readonly labelAt: number;
  /** -1 where there is no such column. */
  readonly splitAt: number;
  /** The part that a cell of that column means; undefined for other words. */
  readonly splitOf: (cell: string) => SplitName | undefined;
  /** Undefined when the first row already names a picture. */
  readonly header: readonly string[] | undefined;
  readonly body: readonly (readonly string[])[];
}

/** @param wanted the names of two columns, or none. @throws AppError DATASET_INVALID */
export function columnsOf(
  file: string,
  given: readonly (readonly string[])[],
  wanted: readonly string[],
): Columns {
  if (given.length === 0) throw invalid(file, 'is empty', 'expected a header such as file,label and a row for each picture'); // prettier-ignore
  if (wanted.length === 2 && wanted[0] === wanted[1]) {
    throw new AppError('USAGE', `--manifest names the column ${quoted(wanted[0]!)} twice; expected the pictures' and the labels', such as file,label`); // prettier-ignore
  }
  const rows = given.every((row) => row.length === 1) ? cellsOfLines(file, given) : given;
  const [first = [], ...rest] = rows;
  const at = (names: readonly string[]) => {
    const found = names.map((name) => first.findIndex((cell) => cell.toLowerCase() === name.toLowerCase()));
    return found.find((column) => column >= 0) ?? -1;
  };
  const fileAt = at(wanted[0] === undefined ? FILE_COLUMNS : [wanted[0]]);
  const labelAt = at(wanted[1] === undefined ? LABEL_COLUMNS : [wanted[1]]);
  if (fileAt >= 0 && labelAt >= 0) {
    return { fileAt, labelAt, ...splitColumn(first, rest, [fileAt, labelAt]), header: first, body: rest };
  }
  const isHeadless = first.some(hasImageExtension);
  if (isHeadless && wanted.length > 0) {
    throw invalid(file, `has no header, its first row is ${list(first)}`, 'add one such as file,label, or leave --manifest out'); // prettier-ignore
  }
  const told = wanted.length === 0 ? byContent(isHeadless ? rows : rest) : undefined;
  if (told)
    return {
      ...told,
      splitOf: splitNamed,
      header: isHeadless ? undefined : first,
      body: isHeadless ? rows : rest,
    };
  if (isHeadless) throw invalid(file, `has no header and ${first.length} columns`, 'add a first row such as file,label,split'); // prettier-ignore
  const missing = fileAt < 0 ? (wanted[0] ?? FILE_COLUMNS[0]) : (wanted[1] ?? LABEL_COLUMNS[0]);
  throw invalid(file, `has the columns ${list(first)}, not ${missing}`, 'name two of them with --manifest file,label'); // prettier-ignore
}

/** The lines of a list without separators. @throws AppError DATASET_INVALID where each label ends in a part, which would be learnt with it */
function cellsOfLines(file: string, lines: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const rows = lines.map(([line = '']) => cellsOf(line));
  const labels = rows.flatMap(([name = '', label = '']) => (hasImageExtension(name) ? [label] : []));
  const [first] = labels;
  if (first === undefined || !labels.every(endsInPart)) return rows;
  throw invalid(file, `has a part behind each label, such as ${list([first])}, and no separators`, 'put commas between the columns: file,label,split'); // prettier-ignore
}

const endsInPart = (label: string) => /\s/.test(label) && splitNamed(label.split(/\s+/).at(-1)!) !== undefined; // prettier-ignore

/** Where a picture's name ends before a blank. */
const PICTURE_END = new RegExp(`[^/\\\\](?:${IMAGE_EXTENSIONS.join('|').replaceAll('.', '\\.')})(\\s+)`, 'i');

/** `images/1.jpg big cat`: the label begins behind the picture's ending, else it is the last word. */
function cellsOf(line: string): readonly string[] {
  const end = PICTURE_END.exec(line);
  if (end) {
    const begin = end.index + end[0].length;
    const words = line.slice(begin).split(/\s+/);
    // Several numbers are several columns.
    const isLabel = words.length === 1 || !words.every((word) => Number.isFinite(Number(word)));
    if (isLabel) return [line.slice(0, begin - end[1]!.length), line.slice(begin)];
  }
  return /^(.*\S)\s+(\S+)$/.exec(line)?.slice(1) ?? [line];
}

type SplitColumn = Pick<Columns, 'splitAt' | 'splitOf'>;

/** The column that says the part: by its name or, where it has another one such as usage, because each of its cells says a part. */
function splitColumn(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  taken: readonly number[],
): SplitColumn {
  const names = header.map((cell) => cell.toLowerCase());
  const named = SPLIT_COLUMNS.map((name) => names.indexOf(name)).find((column) => column >= 0);
  if (named !== undefined) return { splitAt: named, splitOf: splitNamed };
  const yesNo = names.findIndex(
    (name, column) => !taken.includes(column) && Object.hasOwn(YES_NO_COLUMNS, name),
  );
  if (yesNo >= 0) return { splitAt: yesNo, splitOf: (cell) => partOf(YES_NO_COLUMNS[names[yesNo]!]!, cell) };
  const isSplit = (column: number) => rows.every((row) => splitNamed(row[column] ?? '') !== undefined);
  const told = names.flatMap((_, column) =>
    !taken.includes(column) && rows.length > 0 && isSplit(column) ? [column] : [],
  );
  return { splitAt: told.length === 1 ? told[0]! : -1, splitOf: splitNamed };
}

function partOf(
  { yes, no }: { readonly yes: SplitName; readonly no: SplitName },
  cell: string,
): SplitName | undefined {
  if (/^(true|yes|1(\.0)?)$/i.test(cell)) return yes;
  return /^(false|no|0(\.0)?)$/i.test(cell) ? no : undefined;
}

/** Undefined where more than one column could be the label. */
function byContent(
  rows: readonly (readonly string[])[],
): Pick<Columns, 'fileAt' | 'labelAt' | 'splitAt'> | undefined {
  const sample = rows.slice(0, SAMPLE_ROWS);
  const every = (test: (cell: string) => boolean) =>
    (sample[0] ?? []).flatMap((_, column) =>
      sample.every((row) => test(row[column] ?? '')) ? [column] : [],
    );
  const [fileAt] = every(hasImageExtension);
  const others = (sample[0] ?? []).flatMap((_, column) => (column === fileAt ? [] : [column]));
  const splits = others.length > 1 ? every((cell) => splitNamed(cell) !== undefined) : [];
  const labels = others.filter((column) => !splits.includes(column));
  if (fileAt === undefined || labels.length !== 1 || splits.length > 1) return undefined;
  return { fileAt, labelAt: labels[0]!, splitAt: splits[0] ?? -1 };
}
