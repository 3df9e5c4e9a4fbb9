// most-wanted.ts: which pictures to label next: those that stand for many others of which a network is unsure, and which nothing that is labelled
// stands for. Pure functions of rows.

export interface Candidates {
  /** Rows of length 1, `[N, numbers]`. */
  readonly rows: Float32Array;
  readonly numbers: number;
  /** How unsure the network is of each, 0…1. */
  readonly unsure: Float64Array;
}

/** Pictures that are compared with those that are to be stood for, both evenly taken from more: some billions of operations, seconds. */
const [MAX_CANDIDATES, MAX_STOOD_FOR] = [4000, 1500];

/** Of a picture that the network is certain of: where it is certain of all, the most usual ones are wanted. */
const LEAST = 0.05;

/**
 * One after another, the picture by which the sum over all pictures of how unsure the network is of them, times the cosine to the nearest that is
 * labelled or chosen, grows most (the greedy solution of a facility location; of Nemhauser and others, 1978). On birds-more it gave with 13 new labels what 50
 * at random gave; the most unsure alone, or the farthest alone, gave far less (docs/after-learning.md).
 * @param labelled rows of length 1 of what is labelled already, `[M, numbers]`
 * @returns places of at most `count` candidates, the most wanted first
 */
export function mostWanted(
  { rows, numbers, unsure }: Candidates,
  labelled: Float32Array,
  count: number,
): readonly number[] {
  const row = (i: number) => rows.subarray(i * numbers, (i + 1) * numbers);
  const total = unsure.length;
  const candidates = evenly(total, Math.max(MAX_CANDIDATES, count));
  const stoodFor = evenly(total, MAX_STOOD_FOR);
  // How near the nearest is that is labelled or chosen.
  const nearest = Float64Array.from(stoodFor, (b) => largestCosine(row(b), labelled));
  const weights = stoodFor.map((b) => LEAST + unsure[b]!);
  const cosines = candidates.map((a) => Float32Array.from(stoodFor, (b) => cosine(row(a), row(b), 0)));
  const chosen: number[] = [];
  const isLeft = new Set(candidates.keys());
  while (chosen.length < count && isLeft.size > 0) {
    let [best, most] = [-1, -1];
    for (const i of isLeft) {
      const own = cosines[i]!;
      let gain = 0;
      for (let b = 0; b < own.length; b++) {
        if (own[b]! > nearest[b]!) gain += weights[b]! * (own[b]! - nearest[b]!);
      }
      if (gain > most) [best, most] = [i, gain];
    }
    isLeft.delete(best);
    chosen.push(candidates[best]!);
    for (const [b, value] of cosines[best]!.entries()) nearest[b] = Math.max(nearest[b]!, value);
  }
  return chosen;
}

/** At most so many numbers below `total`, evenly apart. */
function evenly(total: number, most: number): readonly number[] {
  const count = Math.min(total, most);
  return Array.from({ length: count }, (_, i) => Math.floor((i * total) / count));
}

/** Of two rows of length 1; the second begins at `from`. */
function cosine(a: Float32Array, b: Float32Array, from: number): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[from + d]!;
  return sum;
}

/** 0 where nothing is labelled. */
function largestCosine(row: Float32Array, labelled: Float32Array): number {
  let largest = 0;
  for (let from = 0; from < labelled.length; from += row.length) {
    largest = Math.max(largest, cosine(row, labelled, from));
  }
  return largest;
}
