// class-rows.ts: class names in lines or columns -> their names in order. Numbers in a column or before names give the order.

import { messageOf } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { NamesProblem, type ClassName, type NamedClasses } from './class-name.ts';
import { isNumber, parseTable, placesOf } from './table.ts';

/** Column names that a header may have, in upper or lower case. If there are several, the first is used. */
const COLUMNS = {
  label: ['label', 'name', 'class', 'class_name', 'classname', 'label_name', 'category', 'english', 'en', '名称', '类别', '标签'],
  labelZh: ['label_zh', 'labelzh', 'zh', 'chinese', 'name_zh', '中文'],
  id: ['id', 'wnid', 'synset'],
  index: ['index', 'idx', 'class_index', 'class_idx', 'class_id', 'classid', 'label_id', 'number', 'no', '', 'id', 'class', 'label', '序号', '编号'],
} as const; // prettier-ignore

/** @param isText whether each line is one name, which may contain commas. @throws NamesProblem */
export function namesInRows(text: string, { isText }: { readonly isText: boolean }): NamedClasses {
  const rows = rowsOf(text, isText);
  return withHeader(rows) ?? numbered(rows) ?? plain(rows, { isText, text });
}

function rowsOf(text: string, isText: boolean): string[][] {
  try {
    return parseTable(text, { strict: false });
  } catch (error) {
    // In lines of names quotes are part of a name: `"big" cat`.
    if (isText && text.includes('"')) return parseTable(text, { strict: false, quote: false });
    throw new NamesProblem(`is not CSV: ${quoted(messageOf(error))}`, { cause: error });
  }
}

/** Undefined when the first row has none of the known names. */
function withHeader(rows: readonly string[][]): NamedClasses | undefined {
  const header = rows[0]?.map((cell) => cell.toLowerCase().replaceAll(/[\s-]+/g, '_')) ?? [];
  const body = rows.slice(1);
  const isNumeric = (column: number) => body.length > 0 && body.every((row) => isNumber(row[column]));
  const columns = (names: readonly string[]) =>
    names.map((name) => header.indexOf(name)).filter((column) => column >= 0);
  const labels = columns(COLUMNS.label);
  const label = labels.find((column) => !isNumeric(column)) ?? labels[0];
  if (label === undefined) return undefined;
  const index = columns(COLUMNS.index).find((column) => column !== label && isNumeric(column));
  const id = columns(COLUMNS.id).find((column) => column !== label && column !== index);
  const zh = columns(COLUMNS.labelZh)[0];
  const names = body.map((row): ClassName => ({
    label: row[label] ?? '',
    ...(zh !== undefined && { labelZh: row[zh] ?? '' }),
    ...(id !== undefined && { id: row[id] ?? '' }),
  }));
  if (index === undefined) return { names, remarks: [] };
  const order = placesOf(body.map((row) => row[index]));
  if (!order) {
    throw new NamesProblem(`does not number its classes from 0 to ${body.length - 1} in column ${header[index] || index + 1}`); // prettier-ignore
  }
  return arranged(names, order);
}

/** The characters that may separate a number and a name. */
const NUMBERED = /^[[(]?(\d{1,9})(?:\s*[:.)\]]\s+|\s*(?:[=-]>|→|[:=|])\s*|\s+[-–]\s+|\s+)(\S.*)$/;
const WITH_NUMBER = /^(\S.*?)(?:\s*(?:[=-]>|→|[:=|])\s*|\s+)(\d{1,9})$/;
const WITH_SYNSET = /^(n\d{8})[\s:_-]+(\S.*)$/;

/** `0 tench`, `0: tench`, `0,tench`, `tench,0`, `tench: 0`, `n01440764 tench, Tinca tinca`, in columns or not. Undefined when there is neither. */
function numbered(rows: readonly string[][]): NamedClasses | undefined {
  return inColumns(rows) ?? inColumns(rows.slice(1), rows[0]) ?? inLines(rows);
}

/** @param header a first row of other words, above numbers */
function inColumns(rows: readonly string[][], header?: readonly string[]): NamedClasses | undefined {
  if (rows.length === 0 || (rows.length === 1 && header !== undefined)) return undefined;
  const width = Math.min(...rows.map((row) => row.length).slice(0, 1000));
  if (width < 2 || (header !== undefined && header.length !== width)) return undefined;
  const column = [0, width - 1].find(
    (at) => rows.every((row) => isNumber(row[at])) && !isNumber(header?.[at]),
  );
  if (column === undefined) return undefined;
  const names = rows.map((row) =>
    nameOf(
      row
        .filter((_, i) => i !== column)
        .filter(Boolean)
        .join(' '),
    ),
  );
  const order = placesOf(rows.map((row) => row[column]));
  if (order) return arranged(names, order);
  if (column > 0) return undefined;
  throw new NamesProblem(`does not number its classes from 0 to ${rows.length - 1} in column 1`);
}

function inLines(rows: readonly string[][]): NamedClasses | undefined {
  // A line whose name contains commas was split into several cells.
  const lines = rows.map((row) => row.filter(Boolean).join(', '));
  const matches = lines.map((line) => NUMBERED.exec(line));
  if (lines.length > 0 && matches.every(Boolean)) {
    const order = placesOf(matches.map((match) => match![1]));
    if (order) return arranged(matches.map((match) => nameOf(match![2]!)), order); // prettier-ignore
  }
  const named = lines.map((line) => WITH_NUMBER.exec(line));
  // `type 1` and `type 2` are names.
  const isApart = new Set(named.map((match) => match?.[1])).size === lines.length;
  if (lines.length > 1 && isApart && named.every(Boolean)) {
    const order = placesOf(named.map((match) => match![2]));
    if (order) return arranged(named.map((match) => nameOf(match![1]!)), order); // prettier-ignore
  }
  if (lines.length === 0 || !lines.every((line) => WITH_SYNSET.test(line))) return undefined;
  const names = lines.map(nameOf);
  const inner = names.map(({ label }) => NUMBERED.exec(label));
  const order = inner.every(Boolean) ? placesOf(inner.map((match) => match![1])) : undefined;
  if (!order) return { names, remarks: [] };
  return arranged(names.map((name, i) => ({ ...name, label: inner[i]![2]! })), order); // prettier-ignore
}

/** A name, with its synset separated. */
function nameOf(text: string): ClassName {
  const [, id, label] = WITH_SYNSET.exec(text) ?? [];
  return id === undefined ? { label: text } : { label: label!, id };
}

function arranged(
  names: readonly ClassName[],
  { from, places }: NonNullable<ReturnType<typeof placesOf>>,
): NamedClasses {
  const ordered: ClassName[] = [];
  places.forEach((place, i) => (ordered[place] = names[i]!));
  const remarks = from === 1 ? ['numbers its classes from 1: number 1 is taken for class 0'] : [];
  return { names: ordered, remarks };
}

/** One row for each label; in CSV the cells of a row are synonyms of one label. */
function plain(
  rows: readonly string[][],
  { isText, text }: { readonly isText: boolean; readonly text: string },
): NamedClasses {
  const joint = isText && !text.includes('\t') ? ', ' : ' ';
  return { names: rows.map((row) => ({ label: row.filter(Boolean).join(joint) })), remarks: [] };
}
