// auroc.ts: how well a score tells two groups apart. Pure.

/**
 * Area under the receiver operating characteristic: the share of pairs, one of each group, in which the second group's is higher; equal
 * ones count half. NaN where a group is empty. Source: Mann and Whitney (1947).
 */
export function auroc(lower: ArrayLike<number>, higher: ArrayLike<number>): number {
  const all = [
    ...Array.from(lower, (value) => ({ value, isHigher: 0 })),
    ...Array.from(higher, (value) => ({ value, isHigher: 1 })),
  ].sort((a, b) => a.value - b.value);
  let [below, pairs] = [0, 0];
  for (let from = 0; from < all.length;) {
    const { value } = all[from]!;
    let to = from;
    let [low, high] = [0, 0];
    for (; to < all.length && all[to]!.value === value; to++) {
      if (all[to]!.isHigher) high += 1;
      else low += 1;
    }
    pairs += high * (below + low / 2);
    below += low;
    from = to;
  }
  return pairs / (lower.length * higher.length);
}
