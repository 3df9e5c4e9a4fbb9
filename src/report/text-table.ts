// text-table.ts: rows and records as aligned text, by display width, within a terminal's. Plain: no colour, no
// borders.

import { printable } from '../util/quoted.ts';
import { displayWidth } from './display-width.ts';
import { fold } from './fold.ts';

/** Columns are not made narrower than this. */
const MIN_WIDTH = 12;
const GAP = '  ';
/** Sentences in a narrower column cannot be read. */
const MIN_NOTE_WIDTH = 40;
const NOTE_INDENT = '  ';

export interface TableLayout {
  /** Numbers of the columns whose cells are aligned at the end. */
  readonly right?: readonly number[];
  /** The terminal's width: the widest columns of text wrap under themselves where the table is wider. */
  readonly columns?: number | undefined;
  /** The last column has sentences: below their row where there is little room beside it. */
  readonly hasNotes?: boolean;
}

/** Columns are two spaces apart; each row has as many lines as its highest cell. Cells may come from outside. */
export function formatTable(
  rows: readonly (readonly string[])[],
  { right = [], columns = Infinity, hasNotes = false }: TableLayout = {},
): string {
  if (hasNotes && isNarrow(rows, columns)) return withNotesBelow(rows, { right, columns });
  const shown = rows.map((row) => row.map(printable));
  const natural: number[] = [];
  for (const row of shown) {
    row.forEach((cell, i) => {
      natural[i] = Math.max(natural[i] ?? 0, displayWidth(cell));
    });
  }
  const widths = fitted(natural, right, columns);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const space = ' '.repeat(widths[i]! - displayWidth(cell));
        return right.includes(i) ? space + cell : cell + space;
      })
      .join(GAP)
      .trimEnd();
  return shown
    .flatMap((row) => {
      const folded = row.map((cell, i) => fold(cell, widths[i]!));
      const height = Math.max(1, ...folded.map((lines) => lines.length));
      return Array.from({ length: height }, (_, n) => `${line(folded.map((lines) => lines[n] ?? ''))}\n`);
    })
    .join('');
}

/** Whether the columns before the last one leave it too little room. */
function isNarrow(rows: readonly (readonly string[])[], columns: number): boolean {
  const most: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, i) => (most[i] = Math.max(most[i] ?? 0, displayWidth(printable(cell)))));
  }
  return columns - most.reduce((sum, width) => sum + width + GAP.length, 0) < MIN_NOTE_WIDTH;
}

function withNotesBelow(
  rows: readonly (readonly string[])[],
  { right = [], columns = Infinity }: TableLayout,
): string {
  const cells = formatTable(
    rows.map((row) => row.slice(0, -1)),
    { right },
  ).split('\n');
  return rows
    .flatMap((row, i) => {
      const note = printable(row.at(-1) ?? '');
      return note === '' ? [cells[i]!] : [cells[i]!, ...fold(NOTE_INDENT + note, columns)];
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** Column widths; the widest columns of text are reduced until the table fits or none can be reduced further. */
function fitted(natural: readonly number[], right: readonly number[], columns: number): readonly number[] {
  const widths = [...natural];
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - columns;
    const widest = Math.max(0, ...widths.filter((_, i) => !right.includes(i)));
    if (!(excess > 0) || widest <= MIN_WIDTH) return widths;
    const at = widths.findIndex((width, i) => width === widest && !right.includes(i));
    widths[at] = Math.max(MIN_WIDTH, widest - excess);
  }
}

type RecordValue = string | number | object | null | undefined;

/** `name: value`, one a line; what is undefined is left out, objects are laid out in one line. */
export function formatRecord(record: Readonly<Record<string, RecordValue>>, columns?: number): string {
  const rows = Object.entries(record)
    .filter((entry): entry is [string, string | number | object | null] => entry[1] !== undefined)
    .map(([key, value]) => [key, typeof value === 'object' ? inline(value) : `${value}`]);
  return formatTable(rows, { columns });
}

function inline(value: object | null): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map((item) => round(item)).join(', ');
  return Object.entries(value)
    .map(([key, item]) => `${key} ${Array.isArray(item) ? `(${inline(item)})` : round(item)}`)
    .join(', ');
}

function round(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(4) : String(value);
}
