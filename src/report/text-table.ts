// text-table.ts: rows and records as aligned text, by display width. Plain: no colour, no borders.

import { displayWidth } from './display-width.ts';

/** Columns two spaces apart. @param right numbers of the columns whose cells end together */
export function formatTable(
  rows: readonly (readonly string[])[],
  { right = [] }: { readonly right?: readonly number[] } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
    });
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const space = ' '.repeat(widths[i]! - displayWidth(cell));
        return right.includes(i) ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

type RecordValue = string | number | object | null | undefined;

/** `name: value`, one a line; what is undefined is left out, objects are laid out in one line. */
export function formatRecord(record: Readonly<Record<string, RecordValue>>): string {
  const rows = Object.entries(record)
    .filter((entry): entry is [string, string | number | object | null] => entry[1] !== undefined)
    .map(([key, value]) => [key, typeof value === 'object' ? inline(value) : `${value}`]);
  return formatTable(rows);
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
