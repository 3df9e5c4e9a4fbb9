// runner.ts: runs many cases of a target in a process that may hang, run out of memory or die, and says which cases did it. What
// is suspected of the clock, of memory or of a death is run again alone before it is reported. Memory is measured over stretches of
// cases, because measuring takes as long as a short case; the cases of a stretch that takes much are run again and measured each.

import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRACE_LENGTH, type ChildOrder, type Suspect } from './trace.ts';

/** A case that takes longer hangs. */
const HANG_MS = 2000;
/** Starting a process and loading a target is not a case's time. */
const START_MS = 30_000;
const POLL_MS = 50;
/** A process that takes more is ended at once. */
const MAX_RSS_BYTES = 1024 ** 3;
/** Of a target: after so many dead processes the rest would tell nothing new. */
const MAX_DEATHS = 50;
const STRETCH = 50;

export interface FuzzJob {
  readonly url: string;
  readonly seed: number;
  readonly from?: number;
  readonly cases: number;
  readonly onProgress?: (done: number) => void;
}

export interface FuzzReport {
  readonly cases: number;
  readonly read: number;
  readonly refused: number;
  readonly seconds: number;
  readonly findings: readonly Suspect[];
}

export async function fuzz({ url, seed, from = 0, cases, onProgress }: FuzzJob): Promise<FuzzReport> {
  const started = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'finch-fuzz-run-'));
  const order = { url, seed, traceFile: path.join(folder, 'trace'), suspectsFile: path.join(folder, 'suspects') }; // prettier-ignore
  try {
    const whole = { ...order, from, to: from + cases, stretch: STRETCH };
    const { next, read, refused, suspects } = await runProcesses(whole, (at) => onProgress?.(at - from));
    const single: Suspect[] = [];
    for (const suspect of suspects) {
      const { number, cases: length } = suspect;
      if (length === undefined) single.push(suspect);
      else {
        const measured = await runProcesses({ ...order, from: number, to: number + length, stretch: 1 });
        single.push(...measured.suspects.filter(({ kind }) => kind === 'memory'));
      }
    }
    const findings: Suspect[] = [];
    for (const suspect of single) {
      const { number, kind } = suspect;
      const again = await runProcess({ ...order, from: number, to: number + 1, stretch: 1 });
      findings.push(...(kind === 'error' && again.suspects.length === 0 ? [suspect] : again.suspects));
    }
    return { cases: next - from, read, refused, seconds: (performance.now() - started) / 1000, findings };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Ended {
  readonly read: number;
  readonly refused: number;
  /** The case to go on with. */
  readonly next: number;
  readonly suspects: readonly Suspect[];
}

/** Goes on in another process behind each case that ended one. */
async function runProcesses(order: ChildOrder, onProgress?: (at: number) => void): Promise<Ended> {
  const total = { read: 0, refused: 0 };
  const suspects: Suspect[] = [];
  let next = order.from;
  for (let deaths = 0; next < order.to && deaths < MAX_DEATHS; deaths++) {
    const ended = await runProcess({ ...order, from: next }, onProgress);
    suspects.push(...ended.suspects);
    total.read += ended.read;
    total.refused += ended.refused;
    next = ended.next;
  }
  return { ...total, next, suspects };
}

async function runProcess(order: ChildOrder, onProgress?: (at: number) => void): Promise<Ended> {
  const { traceFile, suspectsFile, from, to, stretch } = order;
  writeFileSync(suspectsFile, '');
  const trace = new Float64Array(TRACE_LENGTH);
  trace[0] = from;
  trace[1] = Date.now() + START_MS;
  writeFileSync(traceFile, new Uint8Array(trace.buffer));
  const handle = openSync(traceFile, 'r');
  const script = fileURLToPath(new URL('./child.js', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=400', '--single-threaded-gc', script, JSON.stringify(order)],
    {
      stdio: 'ignore',
    },
  );
  const exit = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  let killed: Suspect['kind'] | undefined;
  let how: string | undefined;
  while (how === undefined) {
    how = (await Promise.race([exit, sleep(POLL_MS)])) ?? undefined;
    readSync(handle, new Uint8Array(trace.buffer), 0, trace.byteLength, 0);
    const [number, began] = trace as unknown as readonly [number, number];
    onProgress?.(number);
    if (how !== undefined || killed !== undefined || number >= to) continue;
    if (Date.now() - began > HANG_MS) killed = 'hang';
    else if (rssOf(child.pid!) > MAX_RSS_BYTES) killed = 'memory';
    if (killed) child.kill('SIGKILL');
  }
  readSync(handle, new Uint8Array(trace.buffer), 0, trace.byteLength, 0);
  closeSync(handle);
  const suspects = readFileSync(suspectsFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Suspect);
  const [number, , read, refused] = trace as unknown as readonly [number, number, number, number];
  if (number >= to) return { read, refused, next: to, suspects };
  const problem = killed === 'hang' ? `not done after ${HANG_MS / 1000} s` : killed === 'memory' ? `more than ${MAX_RSS_BYTES / 2 ** 20} MiB` : `the process ended: ${how}`; // prettier-ignore
  suspects.push({ number, kind: killed ?? 'death', problem });
  const unmeasured = (number - from) % stretch;
  if (unmeasured > 0) suspects.push({ number: number - unmeasured, cases: unmeasured, kind: 'memory', problem: 'not measured' }); // prettier-ignore
  return { read, refused, next: number + 1, suspects };
}

function rssOf(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
