// feature-cache.ts: features of pictures kept on disk, found by what they were made from. It knows only numbers and keys: it
// opens no picture and runs no network. A cache can only save time: whatever is wrong with it, its answer is "not here".
//
// A set is a folder named by the hash of everything that decides a row but the picture. It holds segments: files that one
// process appends to and all may read, so that processes need not wait for each other.

import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { withFileLock } from '../../util/lock.ts';
import {
  CacheSegment,
  decodeRecord,
  encodeRecord,
  hashOfRecord,
  recordBytes,
  type CachedPicture,
} from './cache-segment.ts';
import { HashIndex } from './hash-index.ts';

/** What all sets may take up together by default, in bytes: 400,000 pictures of 1,280 numbers. */
const DEFAULT_LIMIT_BYTES = 2 * 1024 ** 3;

/** Eviction goes down to this share of the limit, so that it is rare. */
const EVICT_TO = 0.8;

/** Largest size of a segment. Eviction removes one segment at a time. */
const MAX_SEGMENT_BYTES = 64 * 1024 ** 2;

/** This many small segments or more are put together, because each costs an open file. */
const MANY_SEGMENTS = 16;
const SMALL_SEGMENT_BYTES = 8 * 1024 ** 2;

/** Longer rows (a layer's unpooled output) are not kept: they would push everything else out. */
const MAX_ROW_NUMBERS = 65_536;

/** Counts up when a record's layout changes. */
const VERSION = 1;

export interface FeatureCacheOptions {
  /** The folder of all sets. */
  readonly folder: string;
  /** What decides a row besides the picture: hash of the weights, preprocessing, layer, pooling … */
  readonly key: object;
  /** Numbers in a row. */
  readonly numbers: number;
  readonly limitBytes?: number;
}

/** Rows of one set. Nothing throws because of the disk: what cannot be read is missing, what cannot be written is left out. */
export interface FeatureCache {
  /** Whether nothing can be found in it. */
  readonly isEmpty: boolean;
  /** @param sha256 of the picture's content, lower-case hex */
  get(sha256: string): CachedPicture | undefined;
  put(sha256: string, picture: CachedPicture): void;
  /** Keeps all sets within the limit. */
  close(): Promise<void>;
}

/** Finds nothing and keeps nothing: what `--no-cache` uses. */
export const NO_CACHE: FeatureCache = {
  isEmpty: true,
  get: () => undefined,
  put: () => {},
  close: async () => {},
};

export async function openFeatureCache(options: FeatureCacheOptions): Promise<FeatureCache> {
  const { folder, key, numbers, limitBytes = DEFAULT_LIMIT_BYTES } = options;
  if (numbers > MAX_ROW_NUMBERS) return NO_CACHE;
  const whole = JSON.stringify({ version: VERSION, numbers, ...key });
  const set = path.join(folder, createHash('sha256').update(whole).digest('hex').slice(0, 32));
  const segments = await openSegments(set, recordBytes(numbers));
  const index = new HashIndex();
  for (const segment of segments) index.addAll(segment.hashes());
  return new SegmentedCache({ folder, set, numbers, limitBytes }, segments, index);
}

async function openSegments(set: string, size: number): Promise<CacheSegment[]> {
  const segments: CacheSegment[] = [];
  for (const file of await segmentFiles(set)) {
    const segment = attempt(() => new CacheSegment(file, size));
    if (segment) segments.push(segment);
  }
  return segments;
}

interface Place {
  readonly folder: string;
  readonly set: string;
  readonly numbers: number;
  readonly limitBytes: number;
}

class SegmentedCache implements FeatureCache {
  readonly #place: Place;
  /** In the order of the index: existing segments, then those of this process, of which the last is being written. */
  readonly #segments: CacheSegment[];
  readonly #index: HashIndex;
  readonly #used = new Set<CacheSegment>();
  #writing: CacheSegment | undefined;
  #eviction: Promise<void> = Promise.resolve();
  /** After a failed write (a full disk) nothing more is kept. */
  #isFull = false;

  constructor(place: Place, segments: CacheSegment[], index: HashIndex) {
    this.#place = place;
    this.#segments = segments;
    this.#index = index;
  }

  get isEmpty(): boolean {
    return this.#index.count === 0;
  }

  get(sha256: string): CachedPicture | undefined {
    // A picture has several records when one was damaged and its row was written again. Any whole record will do.
    for (const number of this.#index.find(sha256)) {
      let at = number;
      const segment = this.#segments.find(({ count }) => {
        const isHere = at < count;
        if (!isHere) at -= count;
        return isHere;
      });
      const picture = segment && attempt(() => decodeRecord(segment.read(at), sha256));
      if (!picture) continue;
      this.#used.add(segment);
      return picture;
    }
    return undefined;
  }

  put(sha256: string, picture: CachedPicture): void {
    if (this.#isFull || picture.row.length !== this.#place.numbers) return;
    try {
      this.#segmentToWrite().append(encodeRecord(sha256, picture));
      this.#index.addAll(Buffer.from(sha256, 'hex'));
    } catch {
      this.#isFull = true;
    }
  }

  #segmentToWrite(): CacheSegment {
    if (!this.#writing || this.#writing.bytes >= MAX_SEGMENT_BYTES) {
      const { folder, set, numbers, limitBytes } = this.#place;
      if (this.#writing) this.#eviction = evict(folder, limitBytes);
      mkdirSync(set, { recursive: true });
      this.#writing = new CacheSegment(newSegmentFile(set), recordBytes(numbers), { create: true });
      this.#segments.push(this.#writing);
    }
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#eviction;
    for (const segment of this.#segments) attempt(() => segment.close());
    const now = new Date();
    for (const { file } of this.#used) await utimes(file, now, now).catch(() => {});
    if (!this.#writing) return;
    const { folder, set, numbers, limitBytes } = this.#place;
    await putTogether(set, recordBytes(numbers)).catch(() => {});
    await evict(folder, limitBytes);
  }
}

const ENDING = '.rows';

function newSegmentFile(set: string): string {
  return path.join(set, `${randomBytes(8).toString('hex')}${ENDING}`);
}

async function segmentFiles(set: string): Promise<readonly string[]> {
  // prettier-ignore
  const names: string[] = await readdir(set).catch(() => []);
  return names.filter((name) => name.endsWith(ENDING)).sort().map((name) => path.join(set, name)); // prettier-ignore
}

/** Many small segments become one. A process that still appends to one of them only loses what it adds from then on. */
async function putTogether(set: string, size: number): Promise<void> {
  const isSmall = async (file: string) => (await stat(file)).size <= SMALL_SEGMENT_BYTES;
  if ((await segmentFiles(set)).length < MANY_SEGMENTS) return;
  await withFileLock(path.join(set, 'merge'), async () => {
    const small: string[] = [];
    for (const file of await segmentFiles(set)) if (await isSmall(file)) small.push(file);
    if (small.length < MANY_SEGMENTS) return;
    const file = newSegmentFile(set);
    const merged = new CacheSegment(`${file}.tmp`, size, { create: true });
    for (const source of small) {
      const segment = new CacheSegment(source, size);
      for (let i = 0; i < segment.count; i++) {
        const record = segment.read(i);
        if (decodeRecord(record, hashOfRecord(record))) merged.append(record);
      }
      segment.close();
    }
    merged.close();
    await rename(`${file}.tmp`, file);
    await Promise.all(small.map((source) => rm(source, { force: true })));
  });
}

/** Removes the segments that were used longest ago until all sets together are within the limit. Never throws. */
async function evict(folder: string, limitBytes: number): Promise<void> {
  // prettier-ignore
  const sets: string[] = await readdir(folder).catch(() => []);
  const files = (await Promise.all(sets.map((set) => segmentFiles(path.join(folder, set))))).flat();
  const known = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch(() => undefined);
      return { file, size: found?.size ?? 0, used: found?.mtimeMs ?? 0 };
    }),
  );
  let total = known.reduce((sum, { size }) => sum + size, 0);
  if (total <= limitBytes) return;
  for (const { file, size } of known.toSorted((a, b) => a.used - b.used)) {
    if (total <= limitBytes * EVICT_TO) break;
    await rm(file, { force: true }).catch(() => {});
    await rmdir(path.dirname(file)).catch(() => {}); // only succeeds when it is empty
    total -= size;
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
