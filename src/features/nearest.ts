// nearest.ts: the rows of a file nearest to some vectors by cosine similarity. Exact: every row is looked at, block by block, so
// that memory does not grow with their number.

import { dot, normalized } from '../util/dot.ts';
import type { NpyRows } from '../formats/npy.ts';
import { elementCount } from '../util/shape.ts';

export interface Neighbour {
  readonly row: number;
  /** Cosine, -1…1; 0 where either is a row of zeros. */
  readonly similarity: number;
}

/** Numbers in memory at a time: 16 MiB as float32. */
const BLOCK_NUMBERS = 2 ** 22;

/**
 * @param queries vectors as long as a row, `[D]` each
 * @param onBlock called with the number of rows that are done; returning false ends the search
 * @returns for each query its `topk` nearest rows, nearest first; of equals, the lower row first
 */
export async function nearestRows(
  rows: NpyRows,
  queries: readonly Float32Array[],
  { topk, onBlock }: { readonly topk: number; readonly onBlock?: (done: number) => boolean },
): Promise<readonly (readonly Neighbour[])[]> {
  const numbers = elementCount(rows.rowShape);
  const units = queries.map(normalized);
  const best = queries.map(() => new TopK(topk));
  const perBlock = Math.max(1, Math.floor(BLOCK_NUMBERS / numbers));
  for (let from = 0; from < rows.count; from += perBlock) {
    const block = await rows.read(from, Math.min(perBlock, rows.count - from));
    for (let at = 0, row = from; at < block.length; at += numbers, row++) {
      const values = block.subarray(at, at + numbers);
      const length = Math.sqrt(dot(values, values));
      units.forEach((unit, i) => best[i]!.offer(row, length > 0 ? dot(values, unit) / length : 0));
    }
    if (onBlock?.(Math.min(from + perBlock, rows.count)) === false) break;
  }
  return best.map((top) => top.sorted());
}

/** The best of many rows, in a heap whose top is the worst row kept. A similarity of NaN is never kept. */
class TopK {
  readonly #size: number;
  readonly #heap: Neighbour[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  offer(row: number, similarity: number): void {
    if (Number.isNaN(similarity)) return;
    const heap = this.#heap;
    if (heap.length < this.#size) {
      heap.push({ row, similarity });
      this.#up(heap.length - 1);
    } else if (similarity > heap[0]!.similarity) {
      // Rows come in order, so an equally similar row is a later one and is left out.
      heap[0] = { row, similarity };
      this.#down();
    }
  }

  sorted(): readonly Neighbour[] {
    return this.#heap.toSorted((a, b) => Number(isWorse(a, b)) - Number(isWorse(b, a)));
  }

  #up(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0;) {
      const above = (at - 1) >> 1;
      if (!isWorse(heap[at]!, heap[above]!)) return;
      [heap[at], heap[above]] = [heap[above]!, heap[at]!];
      at = above;
    }
  }

  #down(): void {
    const heap = this.#heap;
    for (let at = 0; ;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isWorse(heap[child]!, heap[worst]!)) worst = child;
      }
      if (worst === at) return;
      [heap[at], heap[worst]] = [heap[worst]!, heap[at]!];
      at = worst;
    }
  }
}

function isWorse(a: Neighbour, b: Neighbour): boolean {
  return a.similarity < b.similarity || (a.similarity === b.similarity && a.row > b.row);
}
