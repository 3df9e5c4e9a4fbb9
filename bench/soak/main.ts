// main.ts: `npm run soak -- [MINUTES] [IDLE]`: finch serve under most of the load that it bears, beside clients that harm others if they can:
// broken pictures, uploads that end, slow ones, and connections that do nothing. What has to hold: every good request is answered, and the
// memory stays where it is.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { photos, withScratch } from '../context.ts';
import { median } from '../measure.ts';
import { abortUploads, crowd, keepIdle, slowBodies, slowHeaders, type Bad } from './bad-clients.ts';
import { GoodClients, type Interval } from './good-clients.ts';

const MODEL = 'efficientnet_lite0';
const PICTURES = 50;
/** Of what the server answers beside the harmful clients when it is asked as fast as it can. */
const LOAD = 0.8;
/** So many connections a second at most become idle ones: `bad-clients.ts`. */
const IDLE_PACE = 200;
const CAPACITY_SECONDS = 10;
/** Once in a line of the report. */
const EVERY_SECONDS = 10;
/** Memory grows until caches and pools are full: what comes before this share of the time is not judged. */
const WARM_SHARE = 0.2;
/** The memory may vary by so much, in MB. */
const BAR_MB = 50;

const [minutes = 5, idle = 10_000] = process.argv.slice(2).map(Number) as [number?, number?];
if (!(minutes > 0) || !Number.isInteger(idle) || idle < 0) {
  process.stderr.write('error: expected npm run soak -- [MINUTES above 0] [IDLE connections, a whole number]\n'); // prettier-ignore
  process.exit(2);
}

async function started(): Promise<{ readonly child: ChildProcess; readonly base: string }> {
  const finch = path.join(PACKAGE_ROOT, 'bin', 'finch.js');
  const child = spawn(process.execPath, [finch, 'serve', '--model', MODEL, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] }); // prettier-ignore
  const [base] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() =>
      Promise.reject(new Error('finch serve ended; start it by hand to see why')),
    ),
  ])) as [string];
  return { child, base };
}

/** What the server's process holds, in MB. */
async function memoryOf(base: string): Promise<number> {
  const text = await (await fetch(`${base}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]) / 1e6;
}

const spread = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

function lineOf(
  second: number,
  memory: number | undefined,
  { times, errors }: Interval,
  bad: readonly Bad[],
): string {
  const sorted = times.toSorted((a, b) => a - b);
  const slowest = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  const wrong = [...errors].map(([error, count]) => `${count} x ${error}`).join(', ') || 'none';
  const others = bad.map((each) => each.tell()).join(', ');
  return `${second} s: ${memory?.toFixed(0) ?? '–'} MB; ${(times.length / EVERY_SECONDS).toFixed(1)} good answers/s, p50 ${times.length > 0 ? median(times).toFixed(0) : '–'} ms, p99 ${slowest.toFixed(0)} ms, errors: ${wrong}; ${others}`;
}

async function soak(base: string, pictures: readonly Buffer[]): Promise<boolean> {
  const good = new GoodClients(base, pictures);
  const bad = [crowd(base, pictures[0]!), abortUploads(base, pictures[0]!), slowHeaders(base), slowBodies(base), keepIdle(base, idle)]; // prettier-ignore
  // Connections that come and go take a part of the machine, here the clients' half of it too.
  await new Promise((resolve) => setTimeout(resolve, (1000 * idle) / IDLE_PACE));
  const most = await good.capacity(CAPACITY_SECONDS);
  process.stdout.write(
    `${MODEL}: ${most.toFixed(1)} requests/s at most; ${(LOAD * most).toFixed(1)} for ${minutes} min\n`,
  );
  good.start(LOAD * most);
  const memories: number[] = [];
  let wrong = 0;
  for (let second = EVERY_SECONDS; second <= 60 * minutes; second += EVERY_SECONDS) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * EVERY_SECONDS));
    const memory = await memoryOf(base).catch((error: unknown) => {
      good.count(`/metrics: ${String(error)}`);
      return undefined;
    });
    const found = good.interval();
    for (const count of found.errors.values()) wrong += count;
    if (memory !== undefined && second > 60 * minutes * WARM_SHARE) memories.push(memory);
    process.stdout.write(`${lineOf(second, memory, found, bad)}\n`);
  }
  await good.stop();
  for (const each of bad) each.stop();
  const isFlat = spread(memories) <= BAR_MB;
  const unfair = bad.reduce((sum, each) => sum + each.wrong(), 0);
  process.stdout.write(
    `memory varied by ${spread(memories).toFixed(0)} MB (bar: ${BAR_MB}); ${wrong} errors of good requests; ${unfair} answers to bad requests that were not the expected ones\n`,
  );
  return isFlat && wrong === 0 && unfair === 0;
}

await withScratch(async (scratch) => {
  const folder = await photos(scratch, PICTURES);
  const pictures = await Promise.all(
    (await readdir(folder)).map((name) => readFile(path.join(folder, name))),
  );
  const { child, base } = await started();
  try {
    if (!(await soak(base, pictures))) process.exitCode = 1;
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});
