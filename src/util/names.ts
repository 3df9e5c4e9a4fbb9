// names.ts: what a mistyped name may have meant.

import { closest, distance } from 'fastest-levenshtein';

/** ` (did you mean resnet18?)`, or nothing when no name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const near = closest(name.toLowerCase(), known);
  return distance(name.toLowerCase(), near) <= Math.max(2, name.length / 3) ? ` (did you mean ${near}?)` : '';
}

/** The `count` names nearest to a mistyped one, nearest first; those that contain it, or are contained, before others. */
export function nearestNames(name: string, known: readonly string[], count = 3): readonly string[] {
  const wanted = name.toLowerCase();
  return known
    .map((other) => {
      const text = other.toLowerCase();
      const contains = wanted.length > 2 && (text.includes(wanted) || wanted.includes(text));
      return { other, far: distance(wanted, text) / (contains ? 2 : 1) };
    })
    .toSorted((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ other }) => other);
}
