// most-wanted.ts: which pictures to label next: those that a network is unsure of, and that are unlike what is labelled and unlike each
// other. Pure functions of rows.

export interface Candidates {
  /** Rows of length 1, `[N, numbers]`. */
  readonly rows: Float32Array;
  readonly numbers: number;
  /** How unsure the network is of each, 0…1. */
  readonly unsure: Float64Array;
}

/**
 * One after another, the picture with the largest product of how unsure the network is of it and how far it is, as 1 - cosine, from the
 * nearest that is labelled or was chosen before (the farthest-first traversal of Gonzalez, 1985, weighted).
 * @param labelled rows of length 1 of what is labelled already, `[M, numbers]`
 * @returns places of at most `count` candidates, the most wanted first
 */
export function mostWanted(
  { rows, numbers, unsure }: Candidates,
  labelled: Float32Array,
  count: number,
): readonly number[] {
  const total = unsure.length;
  const distance = new Float64Array(total).fill(1);
  const near = (row: Float32Array) => {
    for (let i = 0; i < total; i++) {
      let cosine = 0;
      const from = i * numbers;
      for (let d = 0; d < numbers; d++) cosine += rows[from + d]! * row[d]!;
      distance[i] = Math.min(distance[i]!, Math.max(0, 1 - cosine));
    }
  };
  for (let at = 0; at < labelled.length; at += numbers) near(labelled.subarray(at, at + numbers));
  const chosen: number[] = [];
  const isChosen = new Uint8Array(total);
  while (chosen.length < Math.min(count, total)) {
    let best = -1;
    let most = -1;
    for (let i = 0; i < total; i++) {
      const wanted = distance[i]! * (LEAST + unsure[i]!);
      if (isChosen[i] || wanted <= most) continue;
      [best, most] = [i, wanted];
    }
    chosen.push(best);
    isChosen[best] = 1;
    near(rows.subarray(best * numbers, (best + 1) * numbers));
  }
  return chosen;
}

/** Of a picture that the network is certain of: where it is certain of all, the most different ones are wanted. */
const LEAST = 0.05;
