// crash.ts: preloaded into finch by `--import`: ends the process, or fails, at a chosen one of the calls that change files below a
// folder. A call that changes no file is not counted.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** `kill`: as by kill -9. `EIO`: that call alone fails. `ENOSPC`: it and those after it that need room. */
export type CrashMode = 'kill' | 'EIO' | 'ENOSPC';

const mode = process.env['FINCH_CRASH'] as CrashMode;
const at = Number(process.env['FINCH_CRASH_AT']);
const root = process.env['FINCH_CRASH_ROOT']!;

/** Calls that take room; the others go on working on a full disk. */
const TAKES_ROOM = new Set([
  'open',
  'write',
  'writeFile',
  'mkdir',
  'link',
  'copyFile',
  'truncate',
  'sync',
  'datasync',
]);

let calls = 0;

/** Counts a call, and ends the process or throws when it is the one. */
function count(name: string): void {
  // The threads that decode pictures write nothing.
  if (isMainThread) calls += 1;
  if (calls === at && mode === 'kill') process.kill(process.pid, 'SIGKILL');
  const isFailing = mode === 'EIO' ? calls === at : mode === 'ENOSPC' && calls >= at && TAKES_ROOM.has(name);
  if (isFailing) throw Object.assign(new Error(`${mode}: made to fail, ${name}`), { code: mode });
}

const isBelow = (file: unknown) => path.resolve(String(file)).startsWith(root);
const isWriting = (flags: unknown) => typeof flags === 'string' && /[wa+]/.test(flags);

type Calls = Record<string, (this: unknown, ...args: unknown[]) => unknown>;

const opened = new WeakSet<object>();

const files = fs.promises as unknown as Calls;
for (const name of ['open', 'writeFile', 'rename', 'rm', 'mkdir', 'link', 'copyFile', 'truncate']) {
  const original = files[name]!;
  files[name] = async function counted(...args) {
    if (isBelow(args[0]) && (name !== 'open' || isWriting(args[1]))) count(name);
    const result = await original.apply(this, args);
    if (name === 'open' && isBelow(args[0])) opened.add(result as object);
    return result;
  };
}

const handle = await fs.promises.open(process.execPath);
const handles = Object.getPrototypeOf(handle) as Calls;
await handle.close();
for (const name of ['write', 'writeFile', 'truncate', 'sync', 'datasync']) {
  const original = handles[name]!;
  handles[name] = async function counted(...args) {
    if (opened.has(this as object)) count(name);
    return original.apply(this, args);
  };
}
syncBuiltinESMExports();
if (isMainThread) process.on('exit', () => process.stderr.write(`calls: ${calls}\n`));
