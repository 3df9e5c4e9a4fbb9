// contents.ts: size, times and sha256 of a dataset's files. Each is looked up once, and read only when its hash is needed.

import { stat } from 'node:fs/promises';
import { sha256Of } from '../images/prepare.ts';
import { sha256OfFile } from '../util/files.ts';
import { mapOrdered } from '../util/streams.ts';
import type { Sample } from './dataset.ts';
import { bytesOf } from './stored.ts';

/** A file as it was when it was hashed. */
export interface KnownFile {
  readonly size: number;
  /** Times of the content and of the directory entry. Nobody can set the latter back; both change when the file is written. */
  readonly times: string;
  /** Lower-case hex; absent for a file that could not be read. */
  readonly sha256?: string;
}

export interface Contents {
  /** Sizes in bytes; -1 for a file that does not exist. */
  sizes(samples: readonly Sample[]): Promise<readonly number[]>;
  /** Reads every file whose hash is not known yet. */
  files(samples: readonly Sample[], onProgress?: (done: number) => void): Promise<readonly KnownFile[]>;
}

/** How many files are looked up, or read, at the same time. */
const AT_A_TIME = 32;

type Found = Omit<KnownFile, 'sha256'>;

/** @param known by path: files of the same size and times are not read again */
export function openContents(known: ReadonlyMap<string, KnownFile> = new Map()): Contents {
  const found = new Map<string, Promise<Found>>();
  const read = new Map<string, Promise<KnownFile>>();
  const find = (sample: Sample) => remembered(found, sample.path, () => findPicture(sample));
  const open = async (sample: Sample): Promise<KnownFile> => {
    const now = await find(sample);
    const { path } = sample;
    const before = known.get(path);
    if (before?.sha256 !== undefined && before.size === now.size && before.times === now.times) return before;
    const sha256 = await hashOf(sample).catch(() => undefined);
    return { ...now, ...(sha256 !== undefined && { sha256 }) };
  };
  return {
    async sizes(samples) {
      const all = await eachInOrder(samples, find);
      return all.map(({ size }) => size);
    },
    files: (samples, onProgress) =>
      eachInOrder(samples, (sample) => remembered(read, sample.path, () => open(sample)), onProgress),
  };
}

const hashOf = (sample: Sample) => (sample.stored ? bytesOf(sample).then(sha256Of) : sha256OfFile(sample.path)); // prettier-ignore

/** Of a part of an archive, its own size, and the times of the archive. */
async function findPicture({ path, stored }: Sample): Promise<Found> {
  if (!stored) return findFile(path);
  if (!('part' in stored)) return { size: -1, times: '' };
  const { file, part, etag } = stored;
  const { size, times } = etag === undefined ? await findFile(file) : { size: 0, times: etag };
  return { size: size < 0 ? size : part.bytes, times };
}

async function findFile(path: string): Promise<Found> {
  const found = await stat(path).catch(() => undefined);
  return { size: found?.size ?? -1, times: `${found?.mtimeMs ?? 0}/${found?.ctimeMs ?? 0}` };
}

function remembered<T>(made: Map<string, T>, key: string, make: () => T): T {
  const former = made.get(key);
  if (former !== undefined) return former;
  const value = make();
  made.set(key, value);
  return value;
}

async function eachInOrder<R>(
  samples: readonly Sample[],
  ask: (sample: Sample) => Promise<R>,
  onProgress?: (done: number) => void,
): Promise<R[]> {
  async function* each() {
    yield* samples;
  }
  const results: R[] = [];
  for await (const result of mapOrdered(each(), AT_A_TIME, ask)) {
    results.push(result);
    onProgress?.(results.length);
  }
  return results;
}
