// queue.test.ts: what needs no server: addresses, flags, jobs as they lie in a queue, which worker may do them, and the figures.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { workOf } from '../../src/api/work.ts';
import { submitConfig, workerConfig, type SubmitFlags } from '../../src/config/queue.ts';
import { queuePlace } from '../../src/config/redis.ts';
import { asQueueError } from '../../src/queue/connection.ts';
import { rateOf, secondsLeft, type FinishedShard } from '../../src/queue/figures.ts';
import { fitnessOf, UnusableShard } from '../../src/queue/fitness.ts';
import { jobId, jobLabel, readShard, shardWork, submissionId, submissionOf } from '../../src/queue/job.ts';
import { queueJson, queueText, type QueueStatus } from '../../src/report/queue.ts';
import { sweepJobs } from '../../src/queue/sweep-job.ts';
import { AppError } from '../../src/util/errors.ts';
import { sha256OfFile } from '../../src/util/files.ts';
import { packageVersion } from '../../src/util/package.ts';
import { hashModelFolder } from '../../src/artefact/model-folder.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const at = (redis: string, queue = 'finch') => queuePlace({ redis, queue }, {});

test('an address has its parts, and is shown without name and password', () => {
  const place = at('rediss://me:s%3Acret@db.example:7000/3');
  assert.deepEqual(place, { host: 'db.example', port: 7000, db: 3, tls: true, username: 'me', password: 's:cret', queue: 'finch', shown: 'rediss://db.example:7000/3' }); // prettier-ignore
  const { host, port, db, shown } = at('redis://[::1]');
  assert.deepEqual([host, port, db, shown], ['::1', 6379, 0, 'redis://[::1]:6379']);
  assert.equal(queuePlace({ queue: 'q' }, { FINCH_REDIS: 'redis://a' }).host, 'a');
});

test('an address that is none is told without a word of it', () => {
  const wrong = ['secret', 'http://:secret@a', 'redis://:secret@', 'redis://:secret%zz@a', 'redis://:secret@a?password=secret', 'redis://:secret@a:99999']; // prettier-ignore
  for (const text of wrong) {
    assert.throws(() => at(text), (error: AppError) => error.code === 'USAGE' && !error.message.includes('secret'), text); // prettier-ignore
  }
  assert.throws(() => at('redis://a/x'), /the database's number in --redis must be a whole number/);
  assert.throws(() => queuePlace({ queue: 'finch' }, {}), /give --redis redis:\/\/HOST:6379 \(or FINCH_REDIS\)/); // prettier-ignore
  assert.throws(() => at('redis://a', 'a:b'), /--queue must be letters/);
});

test("an error of the server's keeps nothing but its message", () => {
  const reply = Object.assign(new Error('ERR no'), { name: 'ReplyError', command: { args: ['secret'] } });
  const told = asQueueError(at('redis://:secret@a'), reply) as AppError;
  assert.deepEqual([told.code, told.message, told.cause], ['QUEUE_UNAVAILABLE', 'redis://a:6379: ERR no', undefined]); // prettier-ignore
  const bug = new TypeError('x');
  assert.equal(asQueueError(at('redis://a'), bug), bug);
});

const FLAGS = { model: 'm', pool: 'avg', dtype: 'float32', cache: true, exif: true, threshold: '0' };
const submitted = (flags: Partial<SubmitFlags>) =>
  submitConfig('m.parquet', { ...FLAGS, redis: 'redis://a', queue: 'finch', task: 'features', out: 'rows', attempts: '3', ...flags, given: new Set(Object.keys(flags)) }, {}); // prettier-ignore

test('flags of the other task are refused, and so is a submission without a folder', () => {
  assert.equal(submitted({ normalize: true }).task, 'features');
  assert.throws(() => submitted({ topk: '5' }), /--topk belongs to --task classify, received --task features/); // prettier-ignore
  assert.throws(() => submitted({ task: 'classify', normalize: true }), /--normalize belongs to --task features/); // prettier-ignore
  assert.throws(() => submitted({ attempts: '0' }), /--attempts must be a whole number at least 1/);
  const { out: _, ...config } = { ...FLAGS, redis: 'redis://a', queue: 'finch', task: 'features', out: '', attempts: '3' }; // prettier-ignore
  assert.throws(() => submitConfig('m.parquet', { ...config, given: new Set() }, {}), /needs --out DIR/);
});

test('shards at the same time share the cores', () => {
  const worker = (more: object) =>
    workerConfig({ redis: 'redis://a', queue: 'finch', concurrency: '1', grace: '0', stalledAfter: '60', ...more }, {}); // prettier-ignore
  assert.deepEqual(worker({}).own, {});
  assert.equal(worker({ concurrency: '64' }).own.threads, '1');
  assert.equal(worker({ concurrency: '2', threads: '7' }).own.threads, '7');
  assert.throws(() => worker({ threads: 'x' }), /--threads must be a whole number/);
  assert.throws(() => worker({ batchSize: '0' }), /--batch-size must be a whole number/);
  assert.throws(() => worker({ stalledAfter: '0' }), /--stalled-after must be at least 1/);
});

const draft = {
  finch: packageVersion(),
  modelHash: 'abc',
  precision: 'float32',
  manifest: 'm.parquet',
  seal: 'def',
  out: 'rows',
};
const submission = submissionOf({ ...draft, task: 'features', flags: { ...FLAGS, figure: 'x.png', layer: ['a'] } }); // prettier-ignore
const job = { ...submission, index: 3, count: 12, pictures: 2 };

test('a job is the work that the command line would have, and no flag that has no place in it', () => {
  assert.ok(!('figure' in submission.flags));
  const work = shardWork(readShard(job, 'x'), { threads: '2' });
  assert.ok(work.task === 'features');
  const { task, layers, threads, model } = work.config;
  assert.deepEqual(task, { manifest: 'm.parquet', index: 3, count: 12, out: 'rows', force: false, seal: 'def' }); // prettier-ignore
  assert.deepEqual([layers, threads, model], [['a'], 2, 'm']);
  const classify = submissionOf({ ...draft, task: 'classify', flags: { ...FLAGS, topk: '5' } });
  const other = shardWork({ ...classify, index: 0, count: 1, pictures: 1 });
  assert.ok(other.task === 'classify' && other.config.topk === 5);
});

test('the same submission has the same ids, another one others', () => {
  const id = submissionId(submission);
  assert.match(id, /^[0-9a-f]{16}$/);
  assert.equal(id, submissionId(submissionOf({ ...draft, task: 'features', flags: { layer: ['a'], ...FLAGS } }))); // prettier-ignore
  assert.notEqual(id, submissionId({ ...submission, out: 'other' }));
  assert.equal(jobLabel(jobId(id, 17)), 'shard 17');
});

test('what no finch submitted is no work', async () => {
  const fitness = fitnessOf({}, packageVersion(), workOf({}));
  const wrong = [null, 7, [], {}, { ...job, index: -1 }, { ...job, flags: { ...FLAGS, model: 7 } }, { ...job, task: 'delete' }, { ...job, out: 'x'.repeat(20_000) }]; // prettier-ignore
  for (const data of wrong) await assert.rejects(fitness.open(data, 'x'), UnusableShard);
});

test('a job for another version is not for this worker, whatever else is in it', async () => {
  const fitness = fitnessOf({}, packageVersion(), workOf({}));
  await assert.rejects(fitness.open({ finch: '99.0.0', version: 2 }, 'x'), (error: AppError) => {
    assert.ok(!(error instanceof UnusableShard));
    assert.match(error.message, /^this worker is finch \d.*, and the shards in the queue are for 99\.0\.0/);
    return !error.message.includes('\n');
  });
});

test('a run of a sweep is made where its folder and its pictures are', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-sweep-'));
  try {
    const fitness = fitnessOf({}, packageVersion(), workOf({}));
    const open = (plan: string) => fitness.open(sweepJobs({ folder, plan, models: {} }, packageVersion()).run('1', 0).data, 'x'); // prettier-ignore
    await assert.rejects(open('0'.repeat(64)), { code: 'QUEUE_UNAVAILABLE', message: /^the sweep's folder .* is not on this machine/ }); // prettier-ignore
    const plan = { version: 1, dataset: path.join(folder, 'no'), pictures: '0'.repeat(64), flags: { model: 'm', exif: true }, runs: [{ name: '1', settings: {}, seed: '0' }] }; // prettier-ignore
    await writeFile(path.join(folder, 'sweep.json'), JSON.stringify(plan));
    await assert.rejects(open('0'.repeat(64)), { code: 'QUEUE_UNAVAILABLE', message: /has another sweep than the one in the queue/ }); // prettier-ignore
    const hash = await sha256OfFile(path.join(folder, 'sweep.json'));
    await assert.rejects(open(hash), { code: 'QUEUE_UNAVAILABLE', message: /^the sweep's pictures .* are not on this machine/ }); // prettier-ignore
    await writeFile(path.join(folder, 'sweep.json'), JSON.stringify({ ...plan, dataset: folder }));
    const here = await sha256OfFile(path.join(folder, 'sweep.json'));
    await assert.rejects(open(here), { code: 'QUEUE_UNAVAILABLE', message: /unknown model .m./ });
    const page = sweepJobs({ folder, plan: hash, models: {} }, '99.0.0').page;
    await assert.rejects(fitness.open(page.data, 'x'), { message: /are for 99\.0\.0/ });
    await assert.rejects(
      fitness.open({ ...page.data, finch: packageVersion(), folder: 7 }, 'x'),
      UnusableShard,
    );
    assert.deepEqual([jobLabel(page.jobId), jobLabel('0-run-3')], ["a sweep's results", 'run 3']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a model that would run with other numbers is not for this worker', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-fitness-'));
  try {
    await writeSmallModel(folder);
    const fitness = fitnessOf({}, packageVersion(), workOf({}));
    const weights = await hashModelFolder(folder);
    const own = { ...job, flags: { ...FLAGS, model: folder }, modelHash: weights };
    await fitness.open(own, 'x').then((model) => model.close());
    const other = { ...own, precision: 'int8-0.safetensors' };
    await assert.rejects(fitness.open(other, 'x'), { code: 'MODEL_MISMATCH', message: /on this machine runs with float32, and the shards in the queue are for int8-0\.safetensors/ }); // prettier-ignore
    await assert.rejects(fitness.open({ ...other, modelHash: '0' }, 'x'), { code: 'MODEL_MISMATCH', message: /its weights differ/ }); // prettier-ignore
  } finally {
    await rm(folder, { recursive: true });
  }
});

const finished = (startedAt: number, finishedAt: number, wasThere = false): FinishedShard => ({ startedAt, finishedAt, pictures: 100, wasThere }); // prettier-ignore

test('the rate is that of the shards between the first end and now', () => {
  const now = 10_000_000;
  assert.equal(rateOf([], now), undefined);
  assert.equal(rateOf([finished(0, 5)], now), undefined, 'too long ago');
  assert.equal(rateOf([finished(now - 10, now - 5, true)], now), undefined, 'nothing was computed');
  assert.deepEqual(rateOf([finished(now - 50_000, now)], now), { picturesPerSecond: 2, shardsPerHour: 72, seconds: 50 }); // prettier-ignore
  const four = [4, 3, 2, 1].map((i) => finished(now - 20_000 * i - 15_000, now - 20_000 * (i - 1)));
  const rate = rateOf(four, now);
  assert.deepEqual(rate, { picturesPerSecond: 5, shardsPerHour: 180, seconds: 60 });
  assert.equal(secondsLeft(9, rate), 180);
  assert.deepEqual([secondsLeft(0, undefined), secondsLeft(1, undefined)], [0, undefined]);
});

test('status as text and as json', () => {
  const status: QueueStatus = {
    queue: 'finch',
    server: 'redis://a:6379',
    isPaused: true,
    workers: 3,
    shards: { done: 57, failed: 1, active: 3, waiting: 58, delayed: 0 },
    hasSweeps: false,
    pictures: { done: 57_000, failed: 12 },
    rate: { picturesPerSecond: 412.34, shardsPerHour: 1484.4, seconds: 900 },
    secondsLeft: 12_345,
    failures: [{ shard: '17/119', attempts: 3, reason: 'WRITE_FAILED: \x1b[2Jno space' }],
  };
  const text = queueText(status);
  assert.match(text, /^queue +finch on redis:\/\/a:6379, paused\nworkers +3\n/);
  assert.match(text, /\nshards +119: 57 done, 3 under way, 58 waiting, 1 failed\n/);
  assert.match(text, /\nrate +412\.3 pictures\/s, 1484\.4 shards an hour, over 15 min\ntime left +about 3 h 26 min\n/); // prettier-ignore
  assert.match(text, /\n17\/119 +3 +WRITE_FAILED: \\x1b\[2Jno space\n$/);
  const sweep = queueText({ ...status, hasSweeps: true, pictures: { done: 0, failed: 0 } });
  assert.match(sweep, /\njobs +119: .*\nrate +1484\.4 jobs an hour, over 15 min\n/);
  assert.doesNotMatch(sweep, /pictures|shards/);
  const json = JSON.parse(queueJson(status)) as Record<string, unknown>;
  assert.deepEqual(json['shards'], { total: 119, done: 57, active: 3, waiting: 58, delayed: 0, failed: 1 });
  assert.deepEqual([json['paused'], json['secondsLeft'], json['hasSweeps']], [true, 12_345, false]);
  const runs = JSON.parse(queueJson({ ...status, hasSweeps: true, pictures: { done: 0, failed: 0 } })) as Record<string, unknown>; // prettier-ignore
  assert.deepEqual([runs['hasSweeps'], runs['rate']], [true, { picturesPerSecond: null, shardsPerHour: 1484.4, seconds: 900 }]); // prettier-ignore
});
