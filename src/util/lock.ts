// lock.ts: lets one process at a time do something. A lock is a file that only one can create; a dead owner's is taken over.

import { randomBytes } from 'node:crypto';
import { open, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, systemCode } from './errors.ts';
import { isThere, readRegularFile, writeFailed } from './files.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** How often a waiting process looks again, in milliseconds. */
const POLL_MS = 100;
/** The owner touches its lock this often; one on another machine counts as dead when it has not for STALE_MS. */
const REFRESH_MS = 10_000;
const STALE_MS = 60_000;
/** A lock gets its owner's name at once; one that has none after so long is a dead process'. */
const NAMELESS_MS = 3000;

/** An owner's name is a line; a larger file is something else. */
const MAX_LOCK_BYTES = 4096;

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
  const token = await newToken();
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
  const token = await newToken();
  while (!(await tryCreate(file, token))) {
    if (await isAbandoned(file)) await takeAway(file);
    else {
      const owner = await ownerOf(file);
      if (owner !== undefined) throw refusal(owner, file);
      await sleep(POLL_MS);
    }
  }
  return holding(file, token, action);
}

/** Whether a process that still runs, as far as can be told from here, holds `<path>.lock`. */
export async function isHeld(path: string): Promise<boolean> {
  const file = `${path}.lock`;
  return (await isThere(file)) && !(await isAbandoned(file));
}

/** What stands in a lock: the process, and chance, which tells one lock of a process from its next one. */
async function newToken(): Promise<string> {
  const { pid, host, boot, start } = await ownIdentity();
  return `${[pid, host, randomBytes(8).toString('hex'), boot, start].join(' ')}\n`;
}

/** Undefined where the owner has created the file and not yet written its name into it. */
function ownerIn(content: string): ProcessIdentity | undefined {
  const [pid, host = '', , boot = '', start = ''] = content.replace(/\n$/, '').split(' ');
  return pid ? { pid: Number(pid), host, boot, start } : undefined;
}

const contentOf = async (file: string) => String(await readRegularFile(file, { limit: MAX_LOCK_BYTES }));

/** For people; undefined when the lock has just been released, or has no name in it yet. */
async function ownerOf(file: string): Promise<string | undefined> {
  const owner = ownerIn(await contentOf(file).catch(() => ''));
  if (!owner) return undefined;
  const { pid, host } = owner;
  return host === (await ownIdentity()).host ? `process ${pid}` : `process ${pid} on ${host}`;
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
    const content = await contentOf(file).catch(() => '');
    // The work is done whether or not the disk lets the lock go: once this process has ended, its lock is taken over.
    if (content === token) await rm(file, { force: true }).catch(() => {});
  }
}

async function tryCreate(file: string, token: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(token).finally(() => handle.close());
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw writeFailed(file, error);
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    const [content, { mtimeMs }] = await Promise.all([contentOf(file), stat(file)]);
    const silentMs = Date.now() - mtimeMs;
    const owner = ownerIn(content);
    if (!owner) return silentMs > NAMELESS_MS;
    const running = await isRunning(owner);
    return running === undefined ? silentMs > STALE_MS : !running;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false; // released just now: the next attempt will get it
    throw error;
  }
}

/**
 * Several processes may find the same lock abandoned, and one may already hold it when another comes to remove it: so a process
 * that removes a lock holds a second lock, and checks again.
 */
async function takeAway(file: string): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await tryCreate(guard, await newToken()))) {
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
