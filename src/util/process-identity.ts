// process-identity.ts: which process on which start of which machine: process ids are given again, to others.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Changes with every start of the machine; empty where the system does not say. */
  readonly boot: string;
  /** When the process began, in the system's own unit; empty where the system does not say. */
  readonly start: string;
}

let own: Promise<ProcessIdentity> | undefined;

export function ownIdentity(): Promise<ProcessIdentity> {
  return (own ??= (async () => {
    const [boot, { start }] = await Promise.all([bootId(), statusOf(process.pid)]);
    return { pid: process.pid, host: hostname(), boot, start };
  })());
}

/**
 * Whether the process still runs; undefined where that cannot be told from here, because it is another machine's. Parts that
 * were not recorded are not compared.
 */
export async function isRunning({ pid, host, boot, start }: ProcessIdentity): Promise<boolean | undefined> {
  const here = await ownIdentity();
  const isElsewhere = host !== here.host || (boot !== '' && here.boot !== '' && boot !== here.boot);
  if (isElsewhere) return undefined;
  if (!isAlive(pid)) return false;
  const now = await statusOf(pid);
  if (now.isDead) return false;
  return start === '' || now.start === '' || now.start === start;
}

function isAlive(pid: number): boolean {
  // 0 and negative numbers would mean groups of processes.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Linux alone has these files. */
const textOf = (file: string) => readFile(file, 'utf8').catch(() => '');

async function bootId(): Promise<string> {
  return (await textOf('/proc/sys/kernel/random/boot_id')).trim();
}

interface Status {
  /** Killed, and still listed because its parent has not asked for its end: often in a container, whose first process asks for none. */
  readonly isDead: boolean;
  readonly start: string;
}

/** Fields 3 and 22 of /proc/PID/stat: the state, and the start in clock ticks since the machine started (proc_pid_stat(5)). */
async function statusOf(pid: number): Promise<Status> {
  const stat = await textOf(`/proc/${pid}/stat`);
  // Field 2, the program's name in brackets, may hold blanks and brackets itself; field 3 follows the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { isDead: /^[ZXx]$/.test(fields[0]!), start: fields[22 - 3] ?? '' };
}
