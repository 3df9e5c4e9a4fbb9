// fingerprint.ts: what a dataset was when a run began, and what has changed since. By name, size and time of the files:
// nothing is read. Also which pictures are copies of each other, for which the few of equal size are.

import { stat } from 'node:fs/promises';
import { sha256OfFile } from '../util/files.ts';
import { list, type Dataset, type Sample } from './dataset.ts';

/** Of each picture by name: size, time of change and labels. Plain data, for the run folder. */
export type Fingerprint = Readonly<Record<string, string>>;

/** Files that are asked for at a time. */
const AT_A_TIME = 64;

export async function fingerprintOf(dataset: Dataset): Promise<Fingerprint> {
  const entries: [string, string][] = [];
  for (const part of ['train', 'val', 'test'] as const) {
    const samples = dataset[part] ?? [];
    const found = await inTurns(samples, ({ path }) => stat(path).catch(() => undefined));
    samples.forEach(({ file, labels }, i) => {
      const { size, mtimeMs } = found[i] ?? { size: -1, mtimeMs: 0 };
      const names = labels.map((label) => dataset.classes[label]!).join('|');
      entries.push([`${part}:${file}`, `${size} ${Math.trunc(mtimeMs)} ${names}`]);
    });
  }
  return Object.fromEntries(entries);
}

/** What is different now, for people; undefined when nothing is. */
export function fingerprintChanges(before: Fingerprint, now: Fingerprint): string | undefined {
  const name = (key: string) => key.slice(key.indexOf(':') + 1);
  const keys = (from: Fingerprint, keep: (key: string) => boolean) =>
    Object.keys(from).filter(keep).map(name);
  const parts = [
    { what: 'added', files: keys(now, (key) => !Object.hasOwn(before, key)) },
    { what: 'removed', files: keys(before, (key) => !Object.hasOwn(now, key)) },
    { what: 'changed', files: keys(now, (key) => Object.hasOwn(before, key) && before[key] !== now[key]) },
  ];
  const told = parts.filter(({ files }) => files.length > 0);
  if (told.length === 0) return undefined;
  return told.map(({ what, files }) => `${files.length} ${what} (${list(files, 3)})`).join(', ');
}

/** For each sample a key that its copies share: pictures of one content have one key. Unreadable files are their own. */
export async function contentKeys(samples: readonly Sample[]): Promise<readonly string[]> {
  const sizes = await inTurns(samples, ({ path }) =>
    stat(path).then(
      ({ size }) => size,
      () => -1,
    ),
  );
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  const indexed = samples.map((sample, i) => ({ ...sample, size: sizes[i]! }));
  // By name inside the dataset: however the way to it is written, the keys are the same, and what is made of them.
  return inTurns(indexed, async ({ file, path, size }) => {
    if (size < 0 || counts.get(size) === 1) return file;
    return sha256OfFile(path).catch(() => file);
  });
}

async function inTurns<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_A_TIME) {
    results.push(...(await Promise.all(items.slice(from, from + AT_A_TIME).map(ask))));
  }
  return results;
}
