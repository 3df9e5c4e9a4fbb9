// workers.ts: four workers of half a core each beside one process on the same two cores: how much of its speed is left, and whether the shards are
// the same bytes. Pictures and shards are in a bucket on a server of the tests, in this process. FINCH_BENCH_COUNT says how many pictures;
// needs redis-server and taskset.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { once } from 'node:events';
import { PACKAGE_ROOT } from '../src/util/package.ts';
import { startRedis } from '../test/helpers/redis.ts';
import { startS3 } from '../test/helpers/s3-server.ts';
import { photos, type Bench } from './context.ts';
import type { Row } from './measure.ts';

const COUNT = Number(process.env['FINCH_BENCH_COUNT'] ?? 50_000);
/** Enough of them that no worker waits long for the last one. */
const SHARDS = 80;
/** The core of each worker: two share one. */
const WORKERS = ['0', '0', '1', '1'];
const FINCH = path.join(PACKAGE_ROOT, 'bin', 'finch.js');

export const workers: Bench = async ({ scratch }) => {
  const server = await startS3();
  await mkdir(path.join(scratch, 'redis'));
  const redis = await startRedis(path.join(scratch, 'redis'));
  const env = { ...server.env, FINCH_REDIS: redis.url, FINCH_HOME: path.join(scratch, 'home') };
  const finch = (...args: readonly string[]) => done(env, process.execPath, FINCH, ...args);
  try {
    server.buckets.set('photos', await bucketOfPhotos(scratch));
    const shards = new Map<string, Buffer>();
    server.buckets.set('work', shards);
    const manifest = path.join(scratch, 'manifest.parquet');
    await finch('shards', 's3://photos/set', '--size', `${Math.ceil(COUNT / SHARDS)}`, '--out', manifest);
    /** The seconds that workers take for all shards, from their start to their end. */
    const secondsOf = async (queue: string, cores: readonly string[]) => {
      await finch(
        'queue',
        'submit',
        manifest,
        '--queue',
        queue,
        '--out',
        `s3://work/${queue}/`,
        '--no-cache',
      );
      const began = performance.now();
      const worker = (core: string) => done(env, 'taskset', '-c', core, process.execPath, FINCH, 'worker', '--queue', queue, '--until-done'); // prettier-ignore
      await Promise.all(cores.map(worker));
      const seconds = (performance.now() - began) / 1000;
      process.stderr.write(`  ${cores.length} on cores ${cores.join(' ')}: ${seconds.toFixed(1)} s\n`);
      return seconds;
    };
    const one = COUNT / (await secondsOf('one', [[...new Set(WORKERS)].join(',')]));
    const four = COUNT / (await secondsOf('four', WORKERS));
    const same = sameShards(shards);
    const row = (measure: string, unit: string, rest: Pick<Row, 'finch' | 'peer' | 'ratio' | 'peerName'>): Row => ({ measure: `${measure}, ${COUNT} pictures of a bucket`, unit, ...rest }); // prettier-ignore
    return [
      row('four workers of half a core', 'pictures/s', { finch: four, peer: one, ratio: one / four, peerName: 'one process on the same cores' }), // prettier-ignore
      row('  their efficiency', 'share', { finch: four / one, peer: null, ratio: null, peerName: `bar: 0.9; the same bytes in ${same} shards` }), // prettier-ignore
    ];
  } finally {
    await redis.stop();
    server.close();
  }
};

/** The photos again and again, under other names. */
async function bucketOfPhotos(scratch: string): Promise<Map<string, Buffer>> {
  const folder = await photos(scratch, Math.min(COUNT, 200));
  const names = await readdir(folder);
  const contents = await Promise.all(names.map((name) => readFile(path.join(folder, name))));
  const keyOf = (i: number) => `set/class-${i % 10}/${String(i).padStart(6, '0')}${path.extname(names[i % names.length]!)}`; // prettier-ignore
  return new Map(Array.from({ length: COUNT }, (_, i) => [keyOf(i), contents[i % names.length]!]));
}

/** @returns how many there are. @throws AssertionError where what four wrote is not what one wrote */
function sameShards(stored: ReadonlyMap<string, Buffer>): number {
  const of = (queue: string) => [...stored].filter(([key]) => key.startsWith(`${queue}/`)).sort(([a], [b]) => (a < b ? -1 : 1)); // prettier-ignore
  const [one, four] = [of('one'), of('four')];
  assert.deepEqual(four.map(([key]) => path.basename(key)), one.map(([key]) => path.basename(key))); // prettier-ignore
  for (const [i, [key, bytes]] of one.entries()) assert.ok(four[i]![1].equals(bytes), key);
  return one.length;
}

/** A program to its end. @throws when it fails */
async function done(env: NodeJS.ProcessEnv, command: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`);
}
