// lock.ts: lets one process at a time do something. A lock is a file that only one can create; a dead owner's is taken over.

import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, systemCode } from './errors.ts';
import { writeFailed } from './files.ts';

/** How often a waiting process looks again, in milliseconds. */
const POLL_MS = 100;
/** The owner touches its lock this often; one on another machine counts as dead when it has not for STALE_MS. */
const REFRESH_MS = 10_000;
const STALE_MS = 60_000;

/**
 * Runs `action` while holding `<path>.lock`. Others wait for it to end.
 * @throws AppError INTERRUPTED when `signal` is aborted while waiting, WRITE_FAILED when no lock can be made
 */
export async function withFileLock<T>(
  path: string,
  action: () => Promise<T>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const file = `${path}.lock`;
  const token = newToken();
  while (!(await tryCreate(file, token))) {
    if (signal?.aborted) throw new AppError('INTERRUPTED', `interrupted while another finch holds ${file}`);
    if (await isAbandoned(file)) await takeAway(file);
    else await sleep(POLL_MS);
  }
  return holding(file, token, action);
}

/**
 * The same for work that cannot wait: it is refused at once while a living process holds the lock.
 * @param refusal makes the error, given the process that holds `file`
 */
export async function withFileLockOrElse<T>(
  path: string,
  action: () => Promise<T>,
  refusal: (owner: string, file: string) => AppError,
): Promise<T> {
  const file = `${path}.lock`;
  const token = newToken();
  while (!(await tryCreate(file, token))) {
    if (!(await isAbandoned(file))) {
      const owner = await ownerOf(file);
      if (owner !== undefined) throw refusal(owner, file);
    } else await takeAway(file);
  }
  return holding(file, token, action);
}

function newToken(): string {
  return `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`;
}

/** For people; undefined when the lock has just been released. */
async function ownerOf(file: string): Promise<string | undefined> {
  const content = await readFile(file, 'utf8').catch(() => undefined);
  if (content === undefined) return undefined;
  const [pid, host] = content.trim().split(' ');
  // The owner has created the file but not yet written its name into it.
  if (!pid) return 'just started';
  return host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
}

async function holding<T>(file: string, token: string, action: () => Promise<T>): Promise<T> {
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, REFRESH_MS);
  refresh.unref();
  try {
    return await action();
  } finally {
    clearInterval(refresh);
    // Removes only our own lock: while the machine slept for long, another process may have taken it over.
    const content = await readFile(file, 'utf8').catch(() => '');
    if (content === token) await rm(file, { force: true });
  }
}

async function tryCreate(file: string, token: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(token).finally(() => handle.close());
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw writeFailed(file, error);
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const [content, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    const [pid, host] = content.trim().split(' ');
    const silent = Date.now() - mtimeMs > STALE_MS;
    // An empty lock is one that is being written, or whose disk was full.
    if (host !== hostname() || !pid) return silent;
    return !isAlive(Number(pid));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false; // released just now: the next attempt will get it
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/**
 * Several processes may find the same lock abandoned, and one may already hold it when another comes to remove it: so a process
 * that removes a lock holds a second lock, and checks again.
 */
async function takeAway(file: string): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await tryCreate(guard, newToken()))) {
    if (await isAbandoned(guard)) await rm(guard, { force: true });
    else await sleep(POLL_MS / 10);
    return;
  }
  try {
    if (await isAbandoned(file)) await rm(file, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
