// watching.ts: what the file system tells of a folder: names of files that have come, changed or gone. The only import of chokidar.

import { lstat, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import { AppError, messageOf, systemCode } from '../util/errors.ts';

interface Watch {
  readonly isIgnored: (file: string) => boolean;
  readonly signal: AbortSignal;
}

export interface Watcher {
  /**
   * The next file of which there is news; each waits once, however often it changes. The first are those that are there, by name.
   * @returns undefined after so many milliseconds, and at the end of the signal
   * @throws AppError INPUT_NOT_FOUND when the folder is gone or cannot be watched
   */
  next(milliseconds: number): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Returns when it is known what is there. @throws AppError INPUT_NOT_FOUND */
export async function startWatching(folder: string, { isIgnored, signal }: Watch): Promise<Watcher> {
  const { watch } = await import('chokidar');
  const news = new Set<string>();
  let failure: AppError | undefined;
  let isClosed = false;
  let wake = () => {};
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  // A link to a file counts as the file; a linked folder within is not watched, because links may lead in a circle. The folder itself may
  // be a link: with a separator behind it, it is what it leads to.
  const isLink = await lstat(folder).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  const root = isLink && !folder.endsWith(path.sep) ? `${folder}${path.sep}` : folder;
  const watcher: FSWatcher = watch(root, { ignored: isIgnored, followSymlinks: false });
  const fail = (problem: string) => {
    failure ??= new AppError('INPUT_NOT_FOUND', `--watch ${folder}: ${problem}`);
    begin();
    wake();
  };
  /** Files and folders. */
  const known = new Set<string>();
  const tell = (file: string) => {
    news.add(file);
    wake();
  };
  const again = lookedAtAgain(async (inside) => {
    for (const { file, isFolder } of await entriesOf(inside)) {
      if (known.has(file) || isIgnored(file)) continue;
      known.add(file);
      if (!isFolder) tell(file);
      else if (!isClosed) watcher.add(file); // to add to a closed one would open it again
    }
  });
  const isRoot = (file: string) => path.resolve(file) === path.resolve(folder);
  // Never into the folder that the watched one is in.
  const lookBeside = (file: string) => {
    if (!isRoot(file)) again.in(path.dirname(file));
  };
  const heard = (file: string) => {
    known.add(file);
    lookBeside(file);
    tell(file);
  };
  watcher.on('add', heard).on('change', heard);
  watcher.on('addDir', (inside) => {
    known.add(inside);
    again.in(inside);
    lookBeside(inside);
  });
  watcher.on('unlinkDir', (inside) => known.delete(inside));
  watcher.on('unlink', (file) => {
    known.delete(file);
    lookBeside(file);
    tell(file);
  });
  // chokidar may not tell that the folder itself is gone, when what was in it went in the same moment.
  const alive = setInterval(() => {
    stat(folder).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') fail('the folder is gone; make it and start again');
    });
  }, ALIVE_MS);
  watcher.on('error', (error) => fail(watchProblem(error)));
  watcher.on('ready', () => {
    again.begin();
    begin();
  });
  const abort = () => {
    begin();
    wake();
  };
  signal.addEventListener('abort', abort);
  const woken = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, milliseconds) : undefined;
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const close = async () => {
    isClosed = true;
    signal.removeEventListener('abort', abort);
    again.end();
    clearInterval(alive);
    await watcher.close();
  };
  if (!signal.aborted) await begun;
  const there = [...news].sort();
  news.clear();
  for (const file of there) news.add(file);
  return {
    async next(milliseconds) {
      if (news.size === 0 && !failure && !signal.aborted) await woken(milliseconds);
      if (failure) throw failure;
      const [file] = news;
      if (file !== undefined) news.delete(file);
      return file;
    },
    close,
  };
}

/** How often it is looked whether the folder is still there. */
const ALIVE_MS = 500;

/** chokidar lists a folder at most once a second, and may forget what came meanwhile if nothing comes after it. */
const QUIET_MS = 1200;

/** Looks into a folder again, as long as there is news of it and once after that; not before `begin`, while it is still listed. */
function lookedAtAgain(look: (folder: string) => Promise<void>) {
  const timers = new Map<string, NodeJS.Timeout>();
  const heard = new Set<string>();
  let early: Set<string> | undefined = new Set();
  const start = (folder: string) => {
    const timer = setTimeout(() => {
      timers.delete(folder);
      if (heard.delete(folder)) start(folder);
      void look(folder);
    }, QUIET_MS);
    timers.set(folder, timer);
  };
  return {
    in(folder: string) {
      if (early) early.add(folder);
      else if (timers.has(folder)) heard.add(folder);
      else start(folder);
    },
    begin() {
      for (const folder of early ?? []) start(folder);
      early = undefined;
    },
    end() {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

/** Files, links and folders; none where the folder is gone. */
async function entriesOf(
  folder: string,
): Promise<readonly { readonly file: string; readonly isFolder: boolean }[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink() || entry.isDirectory())
    .map((entry) => ({ file: path.join(folder, entry.name), isFolder: entry.isDirectory() }));
}

function watchProblem(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EMFILE') {
    return `the system watches no more files (${code}); move pictures out that were answered, or raise its limit (fs.inotify.max_user_watches on Linux)`;
  }
  return `it cannot be watched: ${messageOf(error)}`;
}
