// batches.ts: rows of one source -> the batches that a database takes, of bounded size, without rows that no database takes.

import type { RowSource } from '../api/indexing/row-sources.ts';
import { elementCount } from '../util/shape.ts';
import type { PictureRow } from './destination.ts';

/** Of a batch: 2 MB of float32, and about 10 MB as JSON, of which Qdrant takes 32 MB. */
const BATCH_NUMBERS = 2 ** 19;
const MOST_ROWS = 512;

export interface Batch {
  /** Of different names: where one came twice, the later row. */
  readonly rows: readonly PictureRow[];
  /** Rows with numbers that are none, which are near to nothing; databases refuse them. */
  readonly left: number;
}

export async function* batchesOf(source: RowSource): AsyncGenerator<Batch, void, undefined> {
  const numbers = elementCount(source.rowShape);
  const size = Math.max(1, Math.min(MOST_ROWS, Math.floor(BATCH_NUMBERS / numbers)));
  for await (const { vectors, entries } of source.blocks(0)) {
    for (let from = 0; from < entries.length; from += size) {
      const part = entries.slice(from, from + size);
      const rows = new Map<string, PictureRow>();
      let left = 0;
      for (const [i, { file, className, sha256 = '' }] of part.entries()) {
        const at = (from + i) * numbers;
        const row = vectors.subarray(at, at + numbers);
        if (row.every(Number.isFinite)) rows.set(file, { name: file, className, sha256, numbers: row });
        else left += 1;
      }
      yield { rows: [...rows.values()], left };
    }
  }
}
