// Shards as a user and as a cluster meet them: the list, one shard in several processes, what verify says, and one dataset at the end.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { joinShards } from '../../src/api/sharding/join.ts';
import type { Progress } from '../../src/api/work.ts';
import { openNpy } from '../../src/formats/npy.ts';
import { openParquet } from '../../src/formats/parquet-file.ts';
import { cliIn, runCli } from '../helpers/run-cli.ts';
import { draw } from '../helpers/pictures.ts';
import { madeTar } from '../helpers/tar-file.ts';

let scratch = '';
const at = (...parts: string[]) => path.join(scratch, ...parts);
const { run, done } = cliIn(() => scratch);
/** Beside each other and read in this order: ten pictures and one that is none, in shards of 4, 4 and 3. */
const SHARDS = 3;
const MANIFEST = ['--manifest', 'm.parquet'];
const shard = (index: number, ...more: readonly string[]) =>
  run('extract-features', ...MANIFEST, '--shard', `${index}/${SHARDS}`, '--out', 'rows', ...more);
const nameOf = (index: number) => `features-0000${index}-of-00003.parquet`;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-shards-'));
  for (const kind of ['disc', 'stripes'] as const) {
    await mkdir(at('set', kind), { recursive: true });
    for (let i = 0; i < 5; i++) await draw(at('set', kind, `${i}.png`), kind, `${kind} ${i}`);
  }
  await writeFile(at('set', 'disc', '4b.png'), 'no picture');
  await done('finch', 'shards', 'set', '--size', '4', '--out', 'm.parquet');
  for (let i = 0; i < SHARDS; i++) await shard(i);
});
after(() => rm(scratch, { recursive: true, force: true }));

describe('the list', () => {
  test('is written once; an input that is missing leaves nothing', async () => {
    const again = await run('finch', 'shards', 'set', '--out', 'm.parquet');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /m\.parquet is there already/);
    const missing = await run('finch', 'shards', 'set', 'nothing', '--out', 'n.parquet');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^error: nothing: no such file or folder/);
    assert.ok(!(await readdir(scratch)).some((name) => name.includes('n.parquet')));
  });

  test('a shard that the manifest does not have is one line', async () => {
    const wrong = await run('extract-features', ...MANIFEST, '--shard', '1/7', '--out', 'rows');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /m\.parquet has 3 shards \(11 pictures, 4 a shard\); give --shard I\/3/);
    assert.match((await shard(3)).stderr, /numbered from 0 to 2/);
    assert.match((await run('extract-features', '--shard', '0/3')).stderr, /--shard needs --manifest/);
    assert.match((await shard(0, 'set')).stderr, /INPUT .*set.* was given too/);
    assert.match((await run('classify', 'set', '--out', 'x')).stderr, /--out belongs to --shard/);
  });
});

describe('one shard', () => {
  test('is the same bytes with other threads and batches, without the cache, and twice at once', async () => {
    const made = ['--out', 'again'];
    const [one, two] = await Promise.all([
      shard(1, ...made, '--threads', '1', '--batch-size', '3', '--no-cache'),
      shard(1, ...made),
    ]);
    assert.deepEqual([one.code, two.code], [1, 1], one.stderr + two.stderr);
    for (const name of [nameOf(1), nameOf(1).replace('parquet', 'errors.csv')]) {
      assert.ok((await readFile(at('again', name))).equals(await readFile(at('rows', name))), name);
    }
    assert.equal((await readdir(at('again'))).length, 2);
  });

  test('that is there is left; made otherwise it is refused', async () => {
    assert.match(
      (await shard(0)).stderr,
      /nothing to do: .*features-00000-of-00003\.parquet is there and whole/,
    );
    const other = await shard(0, '--normalize');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /made otherwise: normalize \(false, and true\)/);
  });

  test('auto takes the number from an array job', async () => {
    const auto = (env: Readonly<Record<string, string>>) =>
      runCli('extract-features', [...MANIFEST, '--shard', 'auto', '--out', 'rows'], { env: { FINCH_HOME: scratch, ...env }, spawn: { cwd: scratch } }); // prettier-ignore
    assert.match((await auto({ SLURM_ARRAY_TASK_ID: '2' })).stderr, /features-00002-of-00003/);
    assert.match((await auto({ JOB_COMPLETION_INDEX: '0' })).stderr, /features-00000-of-00003/);
    assert.match((await auto({})).stderr, /none of JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID/);
    assert.match((await auto({ SLURM_ARRAY_TASK_ID: '1', JOB_COMPLETION_INDEX: '2' })).stderr, /is 2, and SLURM_ARRAY_TASK_ID is 1/); // prettier-ignore
  });

  test('a picture that changed since is an error row', async () => {
    await draw(at('moved.png'), 'disc', 'moved');
    await done('finch', 'shards', 'moved.png', '--out', 'moved.parquet');
    await utimes(at('moved.png'), 1, 1);
    const moved = await run('extract-features', '--manifest', 'moved.parquet', '--shard', '0/1', '--out', 'moved'); // prettier-ignore
    assert.equal(moved.code, 1);
    assert.match(await readFile(at('moved', 'features-00000-of-00001.errors.csv'), 'utf8'), /moved\.png,INPUT_CHANGED/); // prettier-ignore
  });
});

describe('verify', () => {
  const verify = (folder: string) => run('finch', 'shards', 'verify', folder, ...MANIFEST);
  test('all well', async () => {
    const well = await verify('rows');
    assert.deepEqual([well.code, well.stdout], [0, ''], well.stderr);
    assert.match(well.stderr, /all 3 shards are there and whole: 11 pictures, 1 of which failed/);
  });

  test('missing, damaged and made otherwise: a line each', async () => {
    await mkdir(at('bad'));
    for (const i of [1, 2]) await copyFile(at('rows', nameOf(i)), at('bad', nameOf(i)));
    const missing = await verify('bad');
    assert.equal(missing.code, 1);
    assert.match(missing.stdout, new RegExp(`^${nameOf(0)}: missing\n`));
    assert.match(missing.stdout, new RegExp(`${nameOf(1)}: .*lists 0 failures, expected 1\n`));
    const bytes = await readFile(at('bad', nameOf(2)));
    for (const place of [100, bytes.length - 300, bytes.length - 6]) {
      const changed = Buffer.from(bytes);
      changed[place]! ^= 1;
      await writeFile(at('bad', nameOf(2)), changed);
      assert.match((await verify('bad')).stdout, new RegExp(`${nameOf(2)}: .+\n`), `byte ${place}`);
    }
    await mkdir(at('mixed'));
    for (const name of await readdir(at('rows'))) await copyFile(at('rows', name), at('mixed', name));
    await shard(2, '--out', 'mixed', '--force', '--dtype', 'float16');
    const mixed = await verify('mixed');
    assert.equal(mixed.stdout, `${nameOf(2)}: made otherwise than the others: dtype ("float16", and "float32")\n`); // prettier-ignore
    assert.match((await run('finch', 'shards', 'join', 'mixed', '--out', 'x.npy')).stderr, /made otherwise/);
  });
});

describe('join', () => {
  test('flags of the list are refused, and a stop leaves nothing', async () => {
    const size = await run('finch', 'shards', 'join', 'rows', '--size', '3');
    assert.deepEqual([size.code, size.stderr], [2, 'error: --size belongs to finch shards INPUT, which lists pictures; leave it out\n']); // prettier-ignore
    // A flag of the program itself is none of the run's.
    const debug = await run('finch', 'shards', 'learn', '--resume', 'nowhere', '--debug');
    assert.match(debug.stderr, /is this the folder of a run\?/);
    const signal = AbortSignal.abort();
    const work = { signal, progress: () => {}, note: () => {} };
    const config = { folder: at('rows'), out: at('stopped.npy'), format: 'npy', force: false } as const;
    await assert.rejects(joinShards(config, work), { code: 'INTERRUPTED' });
    assert.deepEqual(
      (await readdir(scratch)).filter((name) => /stopped|\.tmp/.test(name)),
      [],
    );
    let rows = 0;
    const late = new AbortController();
    const stop = { signal: late.signal, note: () => {}, progress: ({ task }: Progress) => { if (task === 'join' && ++rows === 2) late.abort(); } }; // prettier-ignore
    await assert.rejects(joinShards(config, stop), { code: 'INTERRUPTED' });
    assert.deepEqual(
      (await readdir(scratch)).filter((name) => /stopped|\.tmp/.test(name)),
      [],
    );
  });

  test('is what extract-features writes at once', async () => {
    await run('extract-features', 'set', '--out', 'whole.npy');
    await done('finch', 'shards', 'join', 'rows', '--out', 'joined.npy');
    for (const ending of ['npy', 'csv', 'errors.csv']) {
      const [whole, joined] = await Promise.all(['whole', 'joined'].map((stem) => readFile(at(`${stem}.${ending}`)))); // prettier-ignore
      assert.ok(whole!.equals(joined!), ending);
    }
    await done('finch', 'search', 'set/disc/0.png', '--in', 'joined.npy');
    await run('extract-features', 'set', '--out', 'whole.parquet', '--force');
    await done('finch', 'shards', 'join', 'rows', '--out', 'joined.parquet', '--force');
    assert.ok((await readFile(at('whole.parquet'))).equals(await readFile(at('joined.parquet'))));
  });
});

test('tar and parquet inputs: the rows of the same pictures as files, also by shards', async () => {
  const files = ['disc/0.png', 'disc/1.png', 'stripes/0.png'];
  const contents = await Promise.all(files.map((file) => readFile(at('set', file))));
  await writeFile(at('set.tar'), madeTar(files.map((name, i) => ({ name, content: contents[i]! }))));
  await done('extract-features', ...files.map((file) => `set/${file}`), '--out', 'files.npy');
  await done('extract-features', 'set.tar', '--out', 'tar.npy');
  assert.ok((await readFile(at('files.npy'))).equals(await readFile(at('tar.npy'))));
  assert.match(await readFile(at('tar.csv'), 'utf8'), /^0,set\.tar\/disc\/0\.png,disc,[0-9a-f]{64},160,120$/m); // prettier-ignore
  await done('finch', 'shards', 'set.tar', '--size', '2', '--out', 'tar.parquet');
  for (const i of [0, 1]) await done('extract-features', '--manifest', 'tar.parquet', '--shard', `${i}/2`, '--out', 'tars'); // prettier-ignore
  await done('finch', 'shards', 'join', 'tars', '--out', 'tars.npy');
  const rows = await openNpy(at('tars.npy'));
  assert.equal(rows.count, 3);
  await rows.close();
  assert.ok((await readFile(at('tars.npy'))).equals(await readFile(at('tar.npy'))));
});

test('classify writes shards of predictions', async () => {
  for (const i of [0, 1, 2]) await run('classify', ...MANIFEST, '--shard', `${i}/3`, '--out', 'answers', '--topk', '2'); // prettier-ignore
  assert.equal((await run('finch', 'shards', 'verify', 'answers', ...MANIFEST)).code, 0);
  await done('finch', 'shards', 'join', 'answers', '--out', 'answers.parquet');
  const joined = await openParquet(at('answers.parquet'));
  const rows = await joined.read({ from: 0, to: joined.rows }, ['file', 'rank', 'label', 'error']);
  await joined.close();
  assert.equal(rows.length, 10 * 2 + 1);
  assert.deepEqual(rows.filter(({ error }) => error !== null && error !== undefined).map(({ file }) => file), ['set/disc/4b.png']); // prettier-ignore
});
