// watched.ts: pictures as they arrive in a folder, those that are there already first. It opens only files whose names do not show
// what they are.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { fileKind, type PassedOver } from './passed-over.ts';
import type { ImageReference } from './source.ts';
import { isSystemFolder } from './system-folders.ts';
import { startWatching } from './watching.ts';

/** A file of which nothing has changed for this long is whole: whoever writes a picture seldom pauses longer. */
const STILL_MS = 1000;

/** Names that programs give to what they are still writing. */
const UNFINISHED = /^~|~$|\.(part|partial|crdownload|opdownload|download|tmp|temp|filepart|swp)$/i;

interface Watching {
  /** Ends the watch, without an error. */
  readonly signal: AbortSignal;
  /** Counts the files that are no pictures. */
  readonly passed?: PassedOver;
}

/** What a file looked like when it was last seen. */
interface Seen {
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * A reference for each picture once it is whole, and again when it is overwritten. Files wait as names, so that any number may
 * arrive at once. It ends with the signal.
 * @throws AppError INPUT_NOT_FOUND when the folder is not there or is removed
 */
export async function* watchedReferences(
  folder: string,
  { signal, passed }: Watching,
): AsyncGenerator<ImageReference, void, undefined> {
  await checkFolder(folder);
  const watcher = await startWatching(folder, { isIgnored: isIgnored(folder), signal });
  /** Files that were still changing, in the order in which they are looked at again. */
  const changing = new Map<string, Seen & { readonly at: number }>();
  const answered = new Map<string, Seen>();
  try {
    for (;;) {
      const due = firstDue(changing);
      const file = due ?? (await watcher.next(untilNext(changing)));
      if (signal.aborted) return;
      if (file === undefined) continue;
      const before = changing.get(file);
      const now = await look(file);
      if (!now) {
        changing.delete(file);
        answered.delete(file);
      } else if (before && due === undefined) {
        // It changed again; it is looked at when its time has come.
      } else if (before ? isSame(before, now) : isStill(now)) {
        changing.delete(file);
        if (isSame(answered.get(file), now)) continue;
        answered.set(file, now);
        const kind = await fileKind(file);
        if (kind === 'picture') yield { file, content: { path: file }, root: folder };
        else passed?.add(path.basename(file), kind);
      } else {
        changing.delete(file);
        changing.set(file, { ...now, at: performance.now() + STILL_MS });
      }
    }
  } finally {
    await watcher.close();
  }
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => {
    const problem = systemCode(error) === 'ENOENT' ? 'there is no such folder' : messageOf(error);
    throw new AppError('INPUT_NOT_FOUND', `--watch ${folder}: ${problem}; make it first`);
  });
  if (!found.isDirectory()) throw new AppError('USAGE', `--watch takes a folder, and ${folder} is none`);
}

/** Hidden files, folders of systems, and what is still being written. */
const isIgnored = (folder: string) => (file: string) => {
  if (path.resolve(file) === path.resolve(folder)) return false;
  const name = path.basename(file);
  return name.startsWith('.') || isSystemFolder(name) || UNFINISHED.test(name);
};

/** Undefined for what is gone or no regular file. */
async function look(file: string): Promise<Seen | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? { size: found.size, mtimeMs: found.mtimeMs } : undefined;
}

const isSame = (before: Seen | undefined, now: Seen) =>
  before?.size === now.size && before.mtimeMs === now.mtimeMs;

/** Whether nobody has written to it for long enough, as of a file that is moved into the folder. */
const isStill = ({ mtimeMs }: Seen) => Date.now() - mtimeMs >= STILL_MS;

type Waiting = ReadonlyMap<string, { readonly at: number }>;

function firstDue(changing: Waiting): string | undefined {
  return untilNext(changing) <= 0 ? changing.keys().next().value : undefined;
}

/** Milliseconds. */
function untilNext(changing: Waiting): number {
  const first = changing.values().next().value;
  return first === undefined ? Infinity : first.at - performance.now();
}
