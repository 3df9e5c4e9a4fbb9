// available-memory.ts: how much memory this process may still take: of the machine, and of the control group (a container) that it
// runs in. What the system would let go of when asked (file caches) counts as available.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';

interface Options {
  /** Where the system's files lie. */
  readonly root?: string;
  /** Bytes that the machine has available. */
  readonly machine?: number;
}

/** Bytes. */
export function availableMemory({ root = '/', machine = machineMemory() }: Options = {}): number {
  return Math.min(machine, groupMemory(root));
}

/** On Linux and Windows, Node says what is available; on macOS it says only what nobody uses at all. */
function machineMemory(): number {
  if (process.platform !== 'darwin') return freemem();
  const { stdout } = spawnSync('/usr/bin/vm_stat', { encoding: 'utf8', timeout: 2000 });
  return Math.max(freemem(), reclaimableBytes(stdout ?? ''));
}

/** What `vm_stat` lists of pages that are free or that macOS would give away. @returns bytes, 0 for another text */
export function reclaimableBytes(vmStat: string): number {
  const pageSize = Number(/page size of (\d+) bytes/.exec(vmStat)?.[1] ?? 0);
  const pages = ['free', 'inactive', 'speculative', 'purgeable'].map((kind) =>
    Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)`, 'm').exec(vmStat)?.[1] ?? 0),
  );
  return pageSize * pages.reduce((sum, count) => sum + count, 0);
}

/** What a control group says of itself, in version 2 and in version 1. */
const FILES = [
  { below: '', limit: 'memory.max', used: 'memory.current', cache: 'inactive_file' },
  {
    below: 'memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    cache: 'total_inactive_file',
  },
] as const;

/** The least that any group around this process has left; Infinity where there is no limit. */
function groupMemory(root: string): number {
  const groups = path.join(root, 'sys/fs/cgroup');
  const own = read(path.join(root, 'proc/self/cgroup')) ?? '';
  let least = Infinity;
  for (const { below, limit, used, cache } of FILES) {
    const pattern = below === '' ? /^0::(.*)$/m : /^\d+:(?:[\w,]+,)?memory(?:,[\w,]+)?:(.*)$/m;
    const parts = (pattern.exec(own)?.[1] ?? '').split('/').filter((part) => part !== '' && part !== '..');
    // A limit of any group around the own one holds too; in a container the own group is the root that one sees.
    for (let depth = parts.length; depth >= 0; depth--) {
      const folder = path.join(groups, below, ...parts.slice(0, depth));
      const [most, taken] = [limit, used].map((file) => Number.parseInt(read(path.join(folder, file)) ?? '', 10)); // prettier-ignore
      if (!Number.isFinite(most) || !Number.isFinite(taken)) continue;
      const stat = read(path.join(folder, 'memory.stat')) ?? '';
      const reclaimable = Number(new RegExp(`^${cache} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
      least = Math.min(least, Math.max(0, most! - Math.max(0, taken! - reclaimable)));
    }
  }
  return least;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
