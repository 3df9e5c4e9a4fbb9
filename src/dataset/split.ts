// split.ts: divides pictures into those to learn from and those to evaluate on. It is seeded, and every class gets its share.
// Copies of one picture stay together, because a picture that was learnt must not be used to evaluate.

import { byCodePoint } from '../util/order.ts';
import type { Rng } from '../util/rng.ts';

interface SplitOptions {
  /** Class numbers of each sample. */
  readonly labels: readonly (readonly number[])[];
  /** A key that copies of one picture share. */
  readonly keys: readonly string[];
  /** The share that is set aside to evaluate on, above 0 and below 1. */
  readonly share: number;
  readonly rng: Rng;
}

export interface Split {
  /** Numbers of samples, ascending. */
  readonly train: readonly number[];
  readonly val: readonly number[];
}

/**
 * Iterative stratification: from the rarest class to the commonest, each class gets its share of the pictures not yet divided. A
 * class of two or more different pictures is on both sides (when a picture has several labels: if the rarer classes leave it a
 * choice). The order of the samples does not matter.
 */
export function stratifiedSplit({ labels, keys, share, rng }: SplitOptions): Split {
  const groups = new Map<string, number[]>();
  keys.forEach((key, i) => append(groups, key, i));
  const units = [...groups]
    .sort(([a], [b]) => byCodePoint(a, b))
    .map(([, members]) => ({ members, labels: new Set(members.flatMap((i) => labels[i]!)) }));
  const byClass = new Map<number, number[]>();
  // Pictures without any label are a class of their own.
  units.forEach((unit, i) => {
    for (const label of unit.labels.size > 0 ? unit.labels : [-1]) append(byClass, label, i);
  });
  const side: ('train' | 'val' | undefined)[] = units.map(() => undefined);
  const classes = [...byClass].sort(([a, ofA], [b, ofB]) => ofA.length - ofB.length || a - b);
  for (const [label, all] of classes) {
    const open = rng.fork('split', label).shuffle(all.filter((i) => side[i] === undefined));
    const placed = (where: 'train' | 'val') => all.filter((i) => side[i] === where).length;
    const wanted = Math.min(all.length - 1, Math.max(1, Math.round(all.length * share)));
    const take = Math.max(0, Math.min(wanted - placed('val'), open.length));
    open.forEach((i, position) => (side[i] = position < take ? 'val' : 'train'));
  }
  const of = (where: 'train' | 'val') =>
    units.flatMap(({ members }, i) => (side[i] === where ? members : [])).sort((a, b) => a - b);
  return { train: of('train'), val: of('val') };
}

function append<K>(lists: Map<K, number[]>, key: K, value: number): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
