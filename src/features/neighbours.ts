// neighbours.ts: for every row of a matrix, the rows nearest to it, and all close pairs. Exact: every pair is looked at.

/** Rows of length 1, `[N,D]`, so that a product is a cosine. */
export interface UnitRows {
  readonly count: number;
  readonly numbers: number;
  readonly data: Float32Array;
}

export interface Neighbours {
  /** For each row the numbers of the `k` nearest others, nearest first, `[N,k]`; -1 where there are fewer. */
  readonly nearest: Int32Array;
  /** Their cosines. */
  readonly similarities: Float32Array;
  readonly k: number;
  readonly pairs: readonly ClosePair[];
}

export interface ClosePair {
  /** The lower number first. */
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

export interface NeighbourOptions {
  readonly k: number;
  /** Pairs with at least this cosine are returned. */
  readonly close: number;
  /** Called now and then with the share that is done; returning false ends the work. */
  readonly onProgress?: (share: number) => boolean;
}

/** Number of rows that stay in the processor's cache while they are compared with others. */
const TILE = 64;

/** More pairs than this only show that everything is alike: nobody wants a list of a million copies. */
const MAX_PAIRS = 200_000;

export async function findNeighbours(
  { count, numbers, data }: UnitRows,
  { k, close, onProgress }: NeighbourOptions,
): Promise<Neighbours> {
  const nearest = new Int32Array(count * k).fill(-1);
  const similarities = new Float32Array(count * k).fill(-Infinity);
  const pairs: ClosePair[] = [];
  const offer = (row: number, other: number, similarity: number) => {
    const first = row * k;
    let at = first + k - 1;
    if (k === 0 || !(similarity > similarities[at]!)) return;
    for (; at > first && similarity > similarities[at - 1]!; at--) {
      similarities[at] = similarities[at - 1]!;
      nearest[at] = nearest[at - 1]!;
    }
    similarities[at] = similarity;
    nearest[at] = other;
  };
  const products = new Float64Array(4);
  for (let a0 = 0; a0 < count; a0 += TILE) {
    for (let b0 = a0; b0 < count; b0 += TILE) {
      const b1 = Math.min(b0 + TILE, count);
      for (let a = a0; a < Math.min(a0 + TILE, count); a++) {
        for (let b = Math.max(b0, a + 1); b < b1; b += 4) {
          fourProducts(data, { a, b, last: count - 1, numbers }, products);
          for (let i = 0; i < 4 && b + i < b1; i++) {
            const similarity = products[i]!;
            offer(a, b + i, similarity);
            offer(b + i, a, similarity);
            if (similarity >= close && pairs.length < MAX_PAIRS) pairs.push({ a, b: b + i, similarity });
          }
        }
      }
    }
    const left = Math.max(0, count - a0 - TILE) / count;
    if (onProgress?.(1 - left * left) === false) break;
    // This lets Ctrl-C and the status line be handled.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { nearest, similarities, k, pairs };
}

interface Four {
  readonly a: number;
  /** The first of four rows; a row beyond `last` is replaced by `last`. */
  readonly b: number;
  readonly last: number;
  readonly numbers: number;
}

/** Row `a` times four others at once: each of its numbers is fetched once for four products. */
function fourProducts(data: Float32Array, { a, b, last, numbers }: Four, products: Float64Array): void {
  const from = a * numbers;
  const [p, q, r, s] = [b, b + 1, b + 2, b + 3].map((row) => Math.min(row, last) * numbers) as [number, number, number, number]; // prettier-ignore
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = 0; i < numbers; i++) {
    const x = data[from + i]!;
    s0 += x * data[p + i]!;
    s1 += x * data[q + i]!;
    s2 += x * data[r + i]!;
    s3 += x * data[s + i]!;
  }
  products[0] = s0;
  products[1] = s1;
  products[2] = s2;
  products[3] = s3;
}
