// row-stream.ts: rows of features that are too many to hold: they come in blocks, as often as they are asked for.

/** Some rows, and the class of each. */
export interface RowBlock {
  /** `[N,D]`, row-major. */
  readonly rows: Float32Array;
  /** `[N]` */
  readonly labels: Int32Array;
}

export interface RowStream {
  /** Of all blocks together. */
  readonly count: number;
  /** In a row. */
  readonly numbers: number;
  /** All rows, in the same order each time. @throws AppError when they cannot be read any more */
  blocks(): AsyncIterable<RowBlock>;
}

/** Numbers of a block, and of its logits: 16 MB each. */
const BLOCK_NUMBERS = 2 ** 21;
const MOST_ROWS = 4096;
const LEAST_ROWS = 16;

/** How many rows make a block: as many as products of matrices need to be fast, and no more memory than that. */
export function blockRows(numbers: number, classes: number): number {
  const fitting = Math.floor(BLOCK_NUMBERS / Math.max(numbers, classes));
  return Math.max(LEAST_ROWS, Math.min(MOST_ROWS, fitting));
}

/** Rows from all over a stream, as far apart as their number allows. @param most of them */
export async function spreadRows(stream: RowStream, most: number): Promise<RowBlock> {
  const { count, numbers } = stream;
  const wanted = Math.min(count, most);
  const rows = new Float32Array(wanted * numbers);
  const labels = new Int32Array(wanted);
  let taken = 0;
  let from = 0;
  for await (const block of stream.blocks()) {
    for (; taken < wanted; taken++) {
      const at = Math.floor((taken * count) / wanted) - from;
      if (at >= block.labels.length) break;
      rows.set(block.rows.subarray(at * numbers, (at + 1) * numbers), taken * numbers);
      labels[taken] = block.labels[at]!;
    }
    from += block.labels.length;
  }
  return { rows, labels };
}
