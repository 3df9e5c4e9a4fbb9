// orthonormal.ts: directions at right angles, by Gram and Schmidt.

import { dot64 } from './dot.ts';

/** Each row less its part along the rows before it, with length 1. Rows that are nothing but such parts are left out. */
export function orthonormal(rows: Float64Array, numbers: number): Float64Array {
  const kept: Float64Array[] = [];
  for (let at = 0; at < rows.length; at += numbers) {
    const row = rows.slice(at, at + numbers);
    const before = Math.sqrt(dot64(row, row));
    // Twice, because the first time leaves what rounding has added.
    for (let time = 0; time < 2; time++) {
      for (const other of kept) {
        const along = dot64(row, other);
        for (let d = 0; d < numbers; d++) row[d]! -= along * other[d]!;
      }
    }
    const length = Math.sqrt(dot64(row, row));
    if (length > 1e-6 * before) kept.push(row.map((x) => x / length));
  }
  const result = new Float64Array(kept.length * numbers);
  kept.forEach((row, i) => result.set(row, i * numbers));
  return result;
}
