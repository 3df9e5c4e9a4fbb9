// memory.ts: how much a process grows over many pictures, from /proc.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Row } from './measure.ts';

/** @param done how many pictures are finished. @returns the most in the first 500, and how much more it was later */
export async function memoryGrowth(
  name: string,
  child: ChildProcess,
  done: () => Promise<number>,
): Promise<readonly Row[]> {
  let early = 0;
  let latest = 0;
  const resident = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  };
  const look = async () => {
    const now = await resident();
    if ((await done()) <= 500) early = Math.max(early, now);
    else latest = Math.max(latest, now);
  };
  const timer = setInterval(() => void look(), 50);
  await once(child, 'close');
  clearInterval(timer);
  const row = (measure: string, finch: number | null, peerName: string): Row => ({
    measure,
    unit: 'MiB',
    finch,
    peer: null,
    ratio: null,
    peerName,
  });
  if (early === 0) return [row(name, null, 'needs /proc')];
  return [
    row(`${name}, at most in the first 500 pictures`, early, ''),
    row(`${name}, growth from there to 10,000`, latest - early, 'bar: 100 MB'),
  ];
}
