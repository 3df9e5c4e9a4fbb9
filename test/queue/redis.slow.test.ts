// redis.slow.test.ts: a queue on a real server: workers that are killed, a server that is restarted, shards that fail, that are handed
// back, and that are not for this worker. What comes of it is what one process writes.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { extractShard } from '../../src/api/sharding/extract-shard.ts';
import { listShards } from '../../src/api/sharding/list.ts';
import { verifyShards } from '../../src/api/sharding/verify.ts';
import { workOf } from '../../src/api/work.ts';
import { submitConfig, workerConfig } from '../../src/config/queue.ts';
import { queuePlace } from '../../src/config/redis.ts';
import { extractShardConfig } from '../../src/config/shards.ts';
import { withQueue } from '../../src/queue/connection.ts';
import { clearQueue, pauseQueue, resumeQueue, retryFailed } from '../../src/queue/control.ts';
import { queueStatus } from '../../src/queue/status.ts';
import { submitShards } from '../../src/queue/submit.ts';
import { runWorker } from '../../src/queue/worker.ts';
import type { AppError } from '../../src/util/errors.ts';
import { draw } from '../helpers/pictures.ts';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis.ts';
import { startCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

/** Of two pictures each; where fewer do, of eight. */
const SHARDS = 12;
const FEW = 3;
const ROW_FLAGS = { pool: 'avg', dtype: 'float32', cache: false, exif: true };
const skip = redisMissing();

let scratch = '';
let server: RedisServer;
const at = (...parts: string[]) => path.join(scratch, ...parts);
const flags = () => ({ ...ROW_FLAGS, model: at('model'), redis: server.url });
const placeOf = (queue: string) => queuePlace({ redis: server.url, queue }, {});

/** Work, and what was said in it. */
function listening(
  options: { readonly signal?: AbortSignal; readonly onNote?: (text: string) => void } = {},
) {
  const notes: string[] = [];
  const onNote = (text: string) => {
    notes.push(text);
    options.onNote?.(text);
  };
  return { work: workOf({ ...options, onNote }), notes };
}

function submit(
  queue: string,
  { manifest = 'few', ...more }: { readonly manifest?: string; readonly attempts?: string } = {},
) {
  const out = queue;
  const config = submitConfig(at(`${manifest}.parquet`), { ...flags(), queue, out: at(out), task: 'features', attempts: '3', threshold: '0', ...more, given: new Set() }, {}); // prettier-ignore
  return submitShards(config, listening().work);
}

const WORKER = {
  concurrency: '1',
  grace: '20',
  stalledAfter: '1',
  threads: '1',
  untilDone: true,
  batchSize: '8',
};
const workerFor = (queue: string, more: Partial<typeof WORKER> = {}) =>
  workerConfig({ redis: server.url, queue, ...WORKER, ...more }, {});
const statusOf = (queue: string) => queueStatus(placeOf(queue), listening().work, Date.now());

before(async () => {
  if (skip !== false) return;
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-queue-'));
  await mkdir(at('redis'));
  await mkdir(at('set'));
  for (let i = 0; i < 2 * SHARDS; i++) await draw(at('set', `${100 + i}.png`), 'disc', `${i}`);
  await writeSmallModel(at('model'));
  const work = listening().work;
  for (const [name, count] of [
    ['many', SHARDS],
    ['few', FEW],
  ] as const) {
    const size = (2 * SHARDS) / count;
    await listShards({ inputs: [at('set')], size, out: at(`${name}.parquet`) }, process.stdin, work);
    for (let i = 0; i < count; i++) {
      const given = { ...ROW_FLAGS, model: at('model'), manifest: at(`${name}.parquet`), shard: `${i}/${count}`, out: at(`by-one-${name}`) }; // prettier-ignore
      await extractShard(extractShardConfig([], given), work);
    }
  }
  server = await startRedis(at('redis'), '--appendonly', 'yes', '--appendfsync', 'always');
});
after(async () => {
  if (skip !== false) return;
  await server.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** Every shard once, and the bytes of one process. */
async function assertSame(out: string, manifest: string): Promise<void> {
  const alone = `by-one-${manifest}`;
  const names = await readdir(at(alone));
  assert.deepEqual((await readdir(at(out))).sort(), names.sort());
  for (const name of names) {
    assert.ok((await readFile(at(out, name))).equals(await readFile(at(alone, name))), name);
  }
  const { problems } = await verifyShards(at(out), at(`${manifest}.parquet`), listening().work);
  assert.deepEqual(problems, []);
}

/** A worker as a process; `after` is called with the process after each shard that it has done. */
function workerProcess(queue: string, after: (done: number, kill: () => void) => void = () => {}) {
  const args = ['worker', '--redis', server.url, '--queue', queue, '--threads', '1', '--stalled-after', '1', '--until-done']; // prettier-ignore
  const child = startCli('finch', args, { env: { FINCH_HOME: scratch } });
  let log = '';
  let done = 0;
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
    const now = log.match(/ pictures in /g)?.length ?? 0;
    while (done < now) after(++done, () => child.kill('SIGKILL'));
  });
  return new Promise<{ readonly code: number | null; readonly log: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, log })),
  );
}

describe('a queue', { skip }, () => {
  test('a killed worker, one that went silent, and a restarted server: every shard once, as one process writes it', async () => {
    assert.deepEqual(await submit('crash', { manifest: 'many' }), {
      shards: SHARDS,
      pictures: 2 * SHARDS,
      added: SHARDS,
    });
    assert.equal((await submit('crash', { manifest: 'many' })).added, 0);
    // A worker that takes a shard and is never heard of again.
    await withQueue(placeOf('crash'), listening().work, async ({ bullMq, options }) => {
      const silent = new bullMq.Worker('crash', null, { ...options, autorun: false, lockDuration: 1000 });
      assert.ok(await silent.getNextJob('silent'));
      await silent.close(true);
    });
    let restarted: Promise<void> | undefined;
    const killed = workerProcess('crash', (done, kill) => {
      if (done === 2) kill();
    });
    const steady = workerProcess('crash', (done) => {
      if (done === 3) restarted = server.restart();
    });
    assert.equal((await killed).code, null);
    const { code, log } = await steady;
    await restarted;
    assert.equal(code, 0, log);
    assert.match(log, /is away; this worker waits for it\n/);
    await assertSame('crash', 'many');
    const { shards, pictures, failures } = await statusOf('crash');
    assert.deepEqual(shards, { done: SHARDS, failed: 0, active: 0, waiting: 0, delayed: 0, left: 0 });
    assert.deepEqual([pictures, failures], [{ done: 2 * SHARDS, failed: 0 }, []]);
  });

  test('a worker that is told to stop hands its shard back, which counts as no attempt', async () => {
    await submit('stop');
    const stopping = new AbortController();
    // The network is loaded: the first shard is under way.
    const onNote = (text: string) => text.startsWith('small on ') && stopping.abort();
    const { work } = listening({ signal: stopping.signal, onNote });
    assert.equal((await runWorker(workerFor('stop', { grace: '0', batchSize: '1' }), work)).done, 0);
    assert.equal((await statusOf('stop')).shards.waiting, FEW);
    await withQueue(placeOf('stop'), work, async ({ queue }) => {
      const [next] = await queue.getWaiting(0, 0);
      assert.deepEqual([next?.data.index, next?.attemptsMade], [0, 0]);
    });
    // What is there already is done at once.
    await mkdir(at('stop'), { recursive: true });
    for (const name of await readdir(at('by-one-few'))) await writeFile(at('stop', name), await readFile(at('by-one-few', name))); // prettier-ignore
    const { work: again, notes } = listening();
    assert.equal((await runWorker(workerFor('stop'), again)).done, FEW);
    assert.equal(notes.filter((note) => note.endsWith('was there and whole')).length, FEW);
  });

  test('shards that fail are left with their reason, and tried again when they are told to', async () => {
    await writeFile(at('failing'), 'a file where a folder should be');
    await submit('failing', { attempts: '1' });
    const { failed } = await runWorker(workerFor('failing'), listening().work);
    assert.equal(failed, FEW);
    const { failures } = await statusOf('failing');
    assert.equal(failures.length, FEW);
    assert.match(failures[0]!.reason, /^[A-Z_]+: .*failing/);
    assert.ok(failures.some(({ shard, attempts }) => shard === `2/${FEW}` && attempts === 1));
    await rm(at('failing'));
    assert.equal(await retryFailed(placeOf('failing'), listening().work), FEW);
    assert.equal((await runWorker(workerFor('failing', { concurrency: '2' }), listening().work)).failed, 0);
    await assertSame('failing', 'few');
    assert.equal(await clearQueue(placeOf('failing'), listening().work), FEW);
    assert.equal((await statusOf('failing')).shards.done, 0);
  });

  test('a worker of another version, or with another model, refuses and leaves the shards', async () => {
    await submit('other');
    const { work } = listening();
    await withQueue(placeOf('other'), work, async ({ queue }) => {
      const [job] = await queue.getWaiting(0, 0);
      const refused = async (change: object, code: string, message: RegExp) => {
        await job!.updateData({ ...job!.data, ...change });
        await assert.rejects(runWorker(workerFor('other'), work), (error: AppError) => {
          assert.match(error.message, message);
          return error.code === code;
        });
        assert.equal((await statusOf('other')).shards.waiting, FEW);
      };
      const { data } = job!;
      await refused({ finch: '0.0.1' }, 'QUEUE_UNAVAILABLE', /^this worker is finch .*, and the shards in the queue are for 0\.0\.1:/); // prettier-ignore
      await job!.updateData(data);
      await refused({ modelHash: 'other' }, 'MODEL_MISMATCH', /its weights differ/);
      // One that comes later than the first look, and one that no finch has made.
      await job!.updateData({ ...data, flags: { model: 7 } });
      const [, second] = await queue.getWaiting(0, 1);
      await second!.updateData({ ...second!.data, finch: '0.0.1' });
      await assert.rejects(runWorker(workerFor('other'), work), /are for 0\.0\.1/);
      const { shards, failures } = await statusOf('other');
      assert.deepEqual([shards.waiting, shards.failed], [FEW - 1, 1]);
      assert.match(failures[0]!.reason, /^FILE_INVALID: .*is not as finch queue submit writes it/);
    });
  });

  test('pause and resume', async () => {
    await pauseQueue(placeOf('paused'), listening().work);
    await submit('paused');
    assert.equal((await statusOf('paused')).isPaused, true);
    await resumeQueue(placeOf('paused'), listening().work);
    const { isPaused, shards } = await statusOf('paused');
    assert.deepEqual([isPaused, shards.waiting], [false, FEW]);
  });
});
