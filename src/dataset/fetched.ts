// fetched.ts: pictures of buckets and tables, copied to the disk once for each process, because training reads each of them several times
// and in any order. All of them lie in one file, which goes when the process ends; what a kill leaves, a later one removes.

import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, open, utimes, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asImageError, readObject } from '../images/prepare.ts';
import { asideOf, sweepAsides } from '../util/aside.ts';
import { AppError } from '../util/errors.ts';
import { writeFailed } from '../util/files.ts';
import { mapOrdered } from '../util/streams.ts';
import type { Dataset } from './dataset.ts';
import { openTables, type OpenTables, type Readable, type StoredPicture } from './stored.ts';

/** The name of the folder in the system's temporary one. */
const FOLDER = 'finch-pictures';
/** Objects that are asked for together, and bytes of them. */
const AHEAD = { items: 20, weight: 256 * 1024 ** 2 };
/** A folder that nobody has touched for an hour is taken for one that a kill left. */
const TOUCH_MS = 600_000;

export interface FetchOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The same dataset with all pictures on the disk. One that is not there, or another by now, is told when it is read.
 * @throws AppError DOWNLOAD_FAILED, WRITE_FAILED; the reason of the signal
 */
export async function fetched(dataset: Dataset, options: FetchOptions = {}): Promise<Dataset> {
  const { train, val = [], test = [] } = dataset;
  const all = await fetchedPictures([...train, ...val, ...test], options);
  return {
    ...dataset,
    train: all.slice(0, train.length),
    ...(dataset.val && { val: all.slice(train.length, train.length + val.length) }),
    ...(dataset.test && { test: all.slice(train.length + val.length) }),
  };
}

/** The same pictures, all of them on the disk. @throws as `fetched` does */
export async function fetchedPictures<Picture extends Readable>(
  pictures: readonly Picture[],
  options: FetchOptions = {},
): Promise<readonly Picture[]> {
  const away = pictures.filter(({ stored }) => isAway(stored));
  if (away.length === 0) return pictures;
  const here = await copies(away, options);
  return pictures.map((picture) => {
    const stored = here.get(picture);
    return stored ? { ...picture, stored } : picture;
  });
}

type Away = Extract<StoredPicture, { readonly object: unknown } | { readonly row: unknown }>;

const isAway = (stored: StoredPicture | undefined): stored is Away =>
  stored !== undefined && ('object' in stored || 'row' in stored);

/** What has been copied by this process, by what it is. */
const known = new Map<string, StoredPicture>();

function identityOf(stored: Away): string {
  if ('row' in stored) return JSON.stringify([stored.row.table, stored.row.etag, stored.row.index]);
  const { where, etag, part } = stored.object;
  return JSON.stringify([where, etag, part?.offset, part?.bytes]);
}

async function copies(
  samples: readonly Readable[],
  { signal, onProgress }: FetchOptions,
): Promise<ReadonlyMap<Readable, StoredPicture>> {
  const here = new Map<Readable, StoredPicture>();
  const tables = openTables();
  const ahead = {
    ...AHEAD,
    weightOf: ({ stored }: Readable) => (stored && 'object' in stored ? stored.object.size : 0),
  };
  async function* inOrder() {
    yield* samples;
  }
  const copy = async (sample: Readable): Promise<void> => {
    const stored = sample.stored as Away;
    const identity = identityOf(stored);
    const copied = known.get(identity) ?? (await copyOf(stored, { identity, tables, signal }));
    // What went wrong may go well the next time.
    if (!('problem' in copied)) known.set(identity, copied);
    here.set(sample, copied);
  };
  try {
    for await (const _ of mapOrdered(inOrder(), ahead, copy)) {
      signal?.throwIfAborted();
      onProgress?.(here.size, samples.length);
    }
  } finally {
    await tables.close();
  }
  return here;
}

interface Copying {
  readonly identity: string;
  readonly tables: OpenTables;
  readonly signal: AbortSignal | undefined;
}

async function copyOf(stored: Away, { identity, tables, signal }: Copying): Promise<StoredPicture> {
  try {
    const bytes = 'row' in stored ? await tables.bytes(stored.row) : await readObject(stored.object, signal);
    return await kept(bytes, identity);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof AppError && ['DOWNLOAD_FAILED', 'WRITE_FAILED'].includes(error.code)) throw error;
    const { code, message } = asImageError(error);
    return { problem: { code, message } };
  }
}

interface Store {
  readonly file: string;
  readonly handle: FileHandle;
  /** Where the next picture goes. */
  end: number;
}

let store: Promise<Store> | undefined;

async function makeStore(): Promise<Store> {
  await sweepAsides(tmpdir(), FOLDER);
  const folder = await asideOf(path.join(tmpdir(), FOLDER));
  await mkdir(folder, { mode: 0o700 });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  setInterval(() => void utimes(folder, new Date(), new Date()).catch(() => {}), TOUCH_MS).unref();
  const file = path.join(folder, 'pictures');
  return { file, handle: await open(file, 'wx', 0o600), end: 0 };
}

/** @throws AppError WRITE_FAILED */
async function kept(bytes: Buffer, identity: string): Promise<StoredPicture> {
  try {
    const into = await (store ??= makeStore());
    const { file, handle, end: offset } = into;
    into.end += bytes.length;
    for (let at = 0; at < bytes.length;) {
      at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    }
    // Records of a dataset hold it between spaces, which names of buckets and files may have.
    const etag = createHash('sha256').update(identity).digest('hex');
    return { file, part: { offset, bytes: bytes.length }, etag };
  } catch (error) {
    throw writeFailed(path.join(tmpdir(), FOLDER), error);
  }
}
