// csv.ts: rows of cells as csv text. Returns a string.

import { stringify } from 'csv-stringify/sync';

/** @param isSafe a cell that a spreadsheet would compute, such as `=1+1`, gets an apostrophe in front */
export function csvText(rows: readonly (readonly unknown[])[], isSafe: boolean): string {
  return stringify(
    rows.map((row) => [...row]),
    { escape_formulas: isSafe },
  );
}
