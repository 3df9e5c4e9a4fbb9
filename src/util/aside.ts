// aside.ts: the names of files and folders that are written aside, before they get their own name. A process that is killed leaves
// them; the next write in that folder removes them.

import { createHash, randomBytes } from 'node:crypto';
import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** `.NAME.<hex>.tmp`: 8 digits each for the process, its machine, and chance. Former versions had 12 digits of chance. */
const ASIDE = /^\.(?<name>.+)\.(?:(?<pid>[0-9a-f]{8})(?<machine>[0-9a-f]{8})[0-9a-f]{8}|[0-9a-f]{12})\.tmp$/s;

/** Systems take names of 255 bytes: the name inside is cut, so that a long one can be written aside as well. */
const MAX_NAME_BYTES = 200;

/** What has not been touched for so long, in milliseconds, belongs to no process that still runs. */
const ABANDONED_MS = 3600_000;

const machineOf = ({ host, boot }: ProcessIdentity) =>
  createHash('sha256').update(`${host}\n${boot}`).digest('hex').slice(0, 8);

/** A name beside `target` that no other process uses. */
export async function asideOf(target: string): Promise<string> {
  const own = await ownIdentity();
  const pid = own.pid.toString(16).padStart(8, '0');
  const hex = `${pid}${machineOf(own)}${randomBytes(4).toString('hex')}`;
  return path.join(path.dirname(target), `.${shortName(path.basename(target))}.${hex}.tmp`);
}

/** As much of a name as fits, whole characters. */
function shortName(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_BYTES) return name;
  return bytes
    .subarray(0, MAX_NAME_BYTES)
    .toString()
    .replace(/\uFFFD+$/, '');
}

/** Whether `asideOf` gives such names. */
export const isAside = (name: string) => ASIDE.test(name);

/** Whether `name` is one that `asideOf` gives to a file or folder called `target`. */
export function isAsideOf(name: string, target: string): boolean {
  return ASIDE.exec(name)?.groups?.['name'] === shortName(target);
}

/** Folders that this process has looked through: once is enough, and some have a million files. */
const swept = new Set<string>();

/**
 * Removes what dead processes left aside in a folder. Never throws.
 * @param target only what was written aside for a file or folder of this name: in a folder that other programs use too
 */
export async function sweepAsides(folder: string, target?: string): Promise<void> {
  const whole = path.resolve(folder);
  const place = path.join(whole, target ?? '');
  if (swept.has(place)) return;
  swept.add(place);
  const names = await readdir(whole).catch((): string[] => []);
  for (const name of names) {
    if (target !== undefined && !isAsideOf(name, target)) continue;
    if (await isAbandoned(whole, name)) {
      await rm(path.join(whole, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}

async function isAbandoned(folder: string, name: string): Promise<boolean> {
  const groups = ASIDE.exec(name)?.groups;
  if (!groups) return false;
  const { pid, machine } = groups;
  const own = await ownIdentity();
  if (pid !== undefined && machine === machineOf(own)) {
    if (!(await isRunning({ ...own, pid: Number.parseInt(pid, 16), start: '' }))) return true;
  }
  const found = await lstat(path.join(folder, name)).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
}
