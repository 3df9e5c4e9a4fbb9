// suspects.ts: pictures that look mislabelled: their nearest neighbours have other classes. Plain arithmetic on neighbours.

import type { Neighbours } from './neighbours.ts';

export interface Suspect {
  readonly row: number;
  /** The class number that the neighbours' votes support. */
  readonly suggested: number;
  /** Its votes minus the votes for the label, as a share of all votes: above 0, at most 1. */
  readonly margin: number;
}

/**
 * Each neighbour votes for its class by its cosine; a class's votes are divided by its share of all pictures, so that a large
 * class does not win by its size. A picture with no other class near it is no suspect.
 * @param classes class number of each row. @param isMute whether `b` does not vote for `a`, such as a copy of it
 * @returns the most suspicious first
 */
export function suspectLabels(
  { nearest, similarities, k }: Pick<Neighbours, 'nearest' | 'similarities' | 'k'>,
  classes: readonly number[],
  isMute: (a: number, b: number) => boolean,
): readonly Suspect[] {
  const sizes = new Map<number, number>();
  for (const name of classes) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const suspects: Suspect[] = [];
  for (const [row, label] of classes.entries()) {
    const votes = new Map<number, number>();
    let sum = 0;
    for (let at = row * k; at < (row + 1) * k; at++) {
      const other = nearest[at]!;
      if (other < 0 || isMute(row, other)) continue;
      const name = classes[other]!;
      const vote = (Math.max(0, similarities[at]!) * classes.length) / sizes.get(name)!;
      votes.set(name, (votes.get(name) ?? 0) + vote);
      sum += vote;
    }
    const own = votes.get(label) ?? 0;
    votes.delete(label);
    const [suggested, most] = [...votes].reduce((a, b) => (b[1] > a[1] ? b : a), [-1, 0] as [number, number]);
    if (most > own) suspects.push({ row, suggested, margin: (most - own) / sum });
  }
  return suspects.toSorted((a, b) => b.margin - a.margin || a.row - b.row);
}
