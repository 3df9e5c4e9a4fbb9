// A sweep on the workers of a queue: one of them is killed in the middle of a run. The results are those that one
// process writes.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runSweep } from '../../src/api/sweep/sweep.ts';
import { workOf } from '../../src/api/work.ts';
import { workerConfig } from '../../src/config/queue.ts';
import { queuePlace } from '../../src/config/redis.ts';
import { sweepConfig } from '../../src/config/sweep.ts';
import { queueStatus } from '../../src/queue/status.ts';
import { submitSweep } from '../../src/queue/submit-sweep.ts';
import { runWorker } from '../../src/queue/worker.ts';
import { draw } from '../helpers/pictures.ts';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis.ts';
import { startCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const skip = redisMissing();
let scratch = '';
let server: RedisServer;
const at = (...parts: string[]) => path.join(scratch, ...parts);
const QUEUE = 'sweeps';
const FILES = ['results.csv', 'results.json', 'report.html'];

const KNOWN = ['lr', 'epochs'].map((name) => ({ name, isSwitch: false, isOptional: false }));
const config = (out: string) =>
  sweepConfig(at('set'), { grid: ['lr=0.001,0.01'], epochs: '12', batchSize: '4', model: at('model'), exif: true, out: at(out), format: 'table' }, KNOWN); // prettier-ignore

before(async () => {
  if (skip !== false) return;
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-sweep-queue-'));
  process.env['FINCH_HOME'] = scratch;
  await mkdir(at('redis'));
  await writeSmallModel(at('model'));
  for (const kind of ['disc', 'stripes'] as const) {
    await mkdir(at('set', kind), { recursive: true });
    for (let i = 0; i < 8; i++) await draw(at('set', kind, `${i}.png`), kind, `${kind} ${i}`);
  }
  server = await startRedis(at('redis'));
});
after(async () => {
  if (skip !== false) return;
  await server.stop();
  await rm(scratch, { recursive: true, force: true });
});

test('a sweep on workers', { skip }, async () => {
  await runSweep(config('alone'), workOf({}));
  const place = queuePlace({ redis: server.url, queue: QUEUE }, {});
  const { folder, runs } = await submitSweep(config('shared'), place, workOf({}));
  assert.deepEqual([folder, runs], [at('shared'), 2]);
  const again = await submitSweep(config('shared'), place, workOf({}));
  assert.equal(again.runs, 2);

  const args = ['worker', '--redis', server.url, '--queue', QUEUE, '--stalled-after', '1'];
  const child = startCli('finch', args, { env: { FINCH_HOME: scratch } });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const begun = at('shared', '1_lr=0.001', 'checkpoint', 'state.json');
  while (!(await stat(begun).catch(() => undefined))) await delay(20);
  child.kill('SIGKILL');
  await gone;

  const worker = { concurrency: '1', grace: '20', stalledAfter: '1', untilDone: true };
  const done = await runWorker(workerConfig({ redis: server.url, queue: QUEUE, ...worker }, {}), workOf({}));
  assert.equal(done.failed, 0);
  for (const name of FILES) {
    const both = await Promise.all(['alone', 'shared'].map((out) => readFile(at(out, name), 'utf8')));
    assert.equal(both[1], both[0], name);
  }
  const { shards, hasSweeps } = await queueStatus(place, workOf({}), Date.now());
  assert.deepEqual([shards.done, shards.failed, hasSweeps], [3, 0, true]);
});
