// table.ts: text in lines and columns -> rows of cells. The separator is found: comma, semicolon or tab.

import { parse } from 'csv-parse/sync';

const DELIMITERS = ['\t', ';', ','] as const;

/** How many lines are used to find the separator. */
const SAMPLE_LINES = 500;

/** Bytes of a row. Paths and names take thousands at most, and the parser is slow where a row has no end. */
const MAX_ROW = 1_000_000;

interface TableOptions {
  /** Every row must have as many cells as the first, and quotes must be where they belong. */
  readonly strict: boolean;
  /** The separator, if it is known. */
  readonly delimiter?: string;
  /** False where quotes are letters like others. */
  readonly quote?: false;
}

/** Rows without blank ones; cells without blanks around them. @throws the errors of csv-parse */
export function parseTable(text: string, { strict, delimiter, quote }: TableOptions): string[][] {
  const { begin, separator } = separatorOf(text);
  // Editors may leave both kinds of line ends in one file.
  return parse(text.slice(begin).replaceAll(/\r\n?/g, '\n'), {
    trim: true,
    skipEmptyLines: true,
    delimiter: delimiter ?? separator,
    relaxColumnCount: !strict,
    relaxQuotes: !strict,
    ...(quote === false && { quote }),
    maxRecordSize: MAX_ROW,
  });
}

/** What separates the cells of a text, of which the beginning is enough, and where its first row begins. */
export function separatorOf(text: string): { readonly begin: number; readonly separator: string } {
  // Excel names the separator in a line of its own.
  const [said = '', named] = /^sep=(.)(?:\r\n?|\n)/i.exec(text) ?? [];
  return { begin: said.length, separator: named ?? delimiterOf(text.slice(said.length)) };
}

/** The separator that most lines contain equally often. */
function delimiterOf(text: string): string {
  const lines = text.split(/\r\n|\n|\r/, SAMPLE_LINES).filter((line) => line.trim() !== '');
  let best = { delimiter: ',', lines: 0 };
  for (const delimiter of DELIMITERS) {
    const times = new Map<number, number>();
    for (const line of lines) {
      const count = line.replace(/"(?:[^"]|"")*"/g, '').split(delimiter).length - 1;
      if (count > 0) times.set(count, (times.get(count) ?? 0) + 1);
    }
    const agreeing = Math.max(0, ...times.values());
    if (agreeing > best.lines) best = { delimiter, lines: agreeing };
  }
  return best.delimiter;
}

/** A whole number; a column with a gap was written by pandas as 0.0, 1.0. */
export const isNumber = (cell: string | undefined): cell is string =>
  cell !== undefined && /^\d{1,9}(\.0)?$/.test(cell);

/** Numbers in a column that give each row its place: each number from 0, or from 1, once. Undefined for other columns. */
export function placesOf(
  cells: readonly (string | undefined)[],
): { readonly from: 0 | 1; readonly places: readonly number[] } | undefined {
  if (cells.length === 0 || !cells.every(isNumber)) return undefined;
  const numbers = cells.map(Number);
  const from = numbers.includes(0) ? 0 : 1;
  const places = numbers.map((number) => number - from);
  const isWhole = new Set(places).size === places.length && places.every((place) => place < places.length);
  return isWhole ? { from, places } : undefined;
}
