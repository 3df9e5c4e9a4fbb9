// fingerprint.ts: records a dataset's state when a run begins, and finds what has changed since, by the content of its files.
// A file that was only touched or copied is unchanged. It also finds pictures that are copies of each other.

import { createHash } from 'node:crypto';
import type { Contents, KnownFile } from './contents.ts';
import { list, type Dataset, type Sample } from './dataset.ts';

/** For each picture by part and name: size, times, sha256 and labels. Plain data, for the run folder. */
export type Fingerprint = Readonly<Record<string, string>>;

const PARTS = ['train', 'val', 'test'] as const;

/** This stands in place of the hash of a file that could not be read. */
const UNREADABLE = '-';

export async function fingerprintOf(
  dataset: Dataset,
  contents: Contents,
  onProgress?: (done: number, of: number) => void,
): Promise<Fingerprint> {
  const all = PARTS.flatMap((part) => (dataset[part] ?? []).map((sample) => ({ ...sample, part })));
  const files = await contents.files(all, (done) => onProgress?.(done, all.length));
  return Object.fromEntries(
    all.map(({ part, file, labels }, i) => {
      const { size, times, sha256 = UNREADABLE } = files[i]!;
      const names = labels.map((label) => dataset.classes[label]!).join('|');
      return [`${part}:${file}`, `${size} ${times} ${sha256} ${names}`];
    }),
  );
}

/** sha256 of what a fingerprint says of names, contents and labels, lower-case hex: the same for a copy of the dataset. */
export function fingerprintDigest(fingerprint: Fingerprint): string {
  const hash = createHash('sha256');
  for (const key of Object.keys(fingerprint).toSorted()) {
    const { sha256, labels } = entryOf(fingerprint[key]!);
    hash.update(`${JSON.stringify([key, sha256, labels])}\n`);
  }
  return hash.digest('hex');
}

/** The files of a fingerprint by path; only those that `dataset` still names. */
export function knownFiles(dataset: Dataset, before: Fingerprint): ReadonlyMap<string, KnownFile> {
  const known = new Map<string, KnownFile>();
  for (const part of PARTS) {
    for (const { file, path } of dataset[part] ?? []) {
      const { size, times, sha256 } = entryOf(before[`${part}:${file}`] ?? '');
      if (/^[0-9a-f]{64}$/.test(sha256)) known.set(path, { size: Number(size), times, sha256 });
    }
  }
  return known;
}

/** A text for people about what has changed; undefined when nothing has. */
export function fingerprintChanges(before: Fingerprint, now: Fingerprint): string | undefined {
  const name = (key: string) => key.slice(key.indexOf(':') + 1);
  const keys = (from: Fingerprint, keep: (key: string) => boolean) =>
    Object.keys(from).filter(keep).map(name);
  const differs = (key: string) => {
    const [one, other] = [entryOf(before[key]!), entryOf(now[key]!)];
    return one.sha256 !== other.sha256 || one.labels !== other.labels;
  };
  const parts = [
    { what: 'added', files: keys(now, (key) => !Object.hasOwn(before, key)) },
    { what: 'removed', files: keys(before, (key) => !Object.hasOwn(now, key)) },
    { what: 'changed', files: keys(now, (key) => Object.hasOwn(before, key) && differs(key)) },
  ];
  const told = parts.filter(({ files }) => files.length > 0);
  if (told.length === 0) return undefined;
  return told.map(({ what, files }) => `${files.length} ${what} (${list(files, 3)})`).join(', ');
}

function entryOf(entry: string) {
  const [size = '', times = '', sha256 = '', ...labels] = entry.split(' ');
  return { size, times, sha256, labels: labels.join(' ') };
}

/** One key for each sample: pictures with the same content have the same key. An unreadable file has a key of its own. */
export async function contentKeys(
  samples: readonly Sample[],
  contents: Contents,
  onProgress?: (done: number, of: number) => void,
): Promise<readonly string[]> {
  const sizes = await contents.sizes(samples);
  const counts = new Map<number, number>();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  // Only files of equal size can be copies.
  const hasTwin = (i: number) => sizes[i]! >= 0 && counts.get(sizes[i]!)! > 1;
  const twins = samples.filter((_, i) => hasTwin(i));
  const files = await contents.files(twins, (done) => onProgress?.(done, twins.length));
  const hashes = new Map(twins.map(({ path }, i) => [path, files[i]!.sha256]));
  // The key is the name inside the dataset, so that it stays the same however the path of the dataset is written.
  return samples.map(({ file, path }) => hashes.get(path) ?? file);
}
