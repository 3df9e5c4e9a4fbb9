// top.ts: the largest of some numbers.

/** Indices of the `count` largest values, largest first; among equal values, the lower index comes first. */
export function topIndices(values: Float64Array, count: number): readonly number[] {
  const indices = Array.from(values.keys());
  return indices.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}
