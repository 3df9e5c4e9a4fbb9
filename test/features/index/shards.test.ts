// shards.test.ts: an index of shards, on the disk and in a bucket: each is read once, and a damaged one is not taken. In one process.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildIndex } from '../../../src/api/indexing/build-index.ts';
import { sampledRows } from '../../../src/api/indexing/learn-axes.ts';
import { rowFiles } from '../../../src/api/indexing/row-sources.ts';
import { workOf } from '../../../src/api/work.ts';
import { addConfig, buildConfig } from '../../../src/config/indexing.ts';
import { loadEngine } from '../../../src/features/index/engine.ts';
import { openVectors } from '../../../src/features/index/opened.ts';
import { startParquetThread } from '../../../src/formats/foreign-parquet.ts';
import { uniform } from '../../helpers/lcg.ts';
import { writeMadeUpShard } from '../../helpers/made-up-shards.ts';
import { startS3 } from '../../helpers/s3-server.ts';
import { writeSmallModel } from '../../helpers/small-model.ts';

const missing = await loadEngine().then(() => false, (error: unknown) => (error as Error).message); // prettier-ignore
const NUMBERS = 24;
const ROWS = 60;
let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const nameOf = (index: number, count = 3) => `features-0000${index}-of-0000${count}.parquet`;
const vectorOf = (n: number) => Float32Array.from({ length: NUMBERS }, (_, d) => uniform(n, d) - 0.5);

async function makeShard(folder: string, index: number, count = 3) {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const n = index * ROWS + i;
    return { file: `${n}.png`, className: `class ${n % 3}`, sha256: `${n}`.padStart(64, '0'), numbers: vectorOf(n) };
  });
  await writeMadeUpShard({ folder, model: at('small'), count, index }, [rows.slice(0, 40), rows.slice(40)]);
} // prettier-ignore

/** Changes a byte of the first rows. */
async function damage(file: string) {
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, 1500);
  byte[0]! ^= 255;
  await handle.write(byte, 0, 1, 1500);
  await handle.close();
}

describe('an index of shards', { skip: missing }, () => {
  const notes: string[] = [];
  const work = workOf({ onNote: (text) => notes.push(text) });
  const build = (input: string, out: string) =>
    buildIndex(buildConfig([input], { out: at(out), connectivity: '16', expansion: '64' }), work);
  const add = (input: string, to: string) => buildIndex(addConfig([input], { to: at(to) }), work);

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'finch-index-shards-'));
    await writeSmallModel(at('small'));
    await mkdir(at('rows'));
    for (const index of [0, 1]) await makeShard(at('rows'), index);
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  test('grows by those that are new, which alone are read through', async () => {
    assert.deepEqual(await build(at('rows'), 'x.index'), { rows: 2 * ROWS, added: 2 * ROWS });
    assert.match(notes.join('\n'), /has 2 of 3 shards; finch index add takes the others/);
    await damage(at('rows', nameOf(0)));
    assert.deepEqual(await add(at('rows'), 'x.index'), { rows: 2 * ROWS, added: 0 });
    await makeShard(at('rows'), 2);
    assert.deepEqual(await add(at('rows'), 'x.index'), { rows: 3 * ROWS, added: ROWS });
    const index = (await openVectors(at('x.index')))!;
    const places = [0, 59, 60, 125, 179];
    const found = await index.nearest(places.map(vectorOf), { topk: 1 });
    assert.deepEqual(found.map(([nearest]) => nearest!.row), places); // prettier-ignore
    const names = await index.names(new Set(places));
    assert.deepEqual([...names.values()].map(({ file }) => file), places.map((n) => `${n}.png`)); // prettier-ignore
    await index.close();
  });

  test('a sample of a shard is taken from all of its groups', async () => {
    await mkdir(at('groups'));
    const groups = Array.from({ length: 40 }, (_, group) =>
      Array.from({ length: 25 }, (_, i) => {
        const n = group * 25 + i;
        return {
          file: `${n}.png`,
          className: '',
          sha256: `${n}`.padStart(64, '0'),
          numbers: Float32Array.of(n + 1),
        };
      }),
    );
    await writeMadeUpShard({ folder: at('groups'), model: at('small'), count: 1, index: 0 }, groups);
    const thread = startParquetThread();
    try {
      const files = await rowFiles([at('groups')], { later: '' }, work);
      const rows = [...(await sampledRows({ rowShape: [1] }, 200, { files, thread, work }))];
      assert.equal(new Set(rows.map((row) => Math.floor((row - 1) / 25))).size, 40);
      assert.equal(new Set(rows).size, 200);
    } finally {
      await thread.close();
    }
  });

  test('a damaged one is not taken, and those before it are', async () => {
    await mkdir(at('bad'));
    for (const index of [0, 1]) await makeShard(at('bad'), index);
    await damage(at('bad', nameOf(1)));
    await assert.rejects(build(at('bad'), 'bad.index'), /features-00001-of-00003\.parquet: damaged/);
    assert.deepEqual(await add(at('bad', nameOf(0)), 'bad.index'), { rows: ROWS, added: 0 });
  });

  test('shards of two sets in a folder, and one that has other rows than before, are refused', async () => {
    await cp(at('rows'), at('two'), { recursive: true });
    await makeShard(at('two'), 0, 2);
    await assert.rejects(build(at('two'), 'two.index'), /has shards of several sets \(of [23] and [23]\)/);
    await mkdir(at('other'));
    await makeShard(at('other'), 0);
    await build(at('other', nameOf(0)), 'other.index');
    await rm(at('other', nameOf(0)));
    await makeShard(at('other'), 1, 3);
    await rename(at('other', nameOf(1)), at('other', nameOf(0)));
    await assert.rejects(add(at('other'), 'other.index'), /has changed since its rows were taken/);
  });

  test('one in a bucket, and a prefix', async () => {
    const server = await startS3();
    Object.assign(process.env, server.env);
    try {
      const shard = await readFile(at('rows', nameOf(1)));
      server.buckets.set('work', new Map([[`rows/${nameOf(1)}`, shard], [`rows/${nameOf(2)}`, await readFile(at('rows', nameOf(2)))]])); // prettier-ignore
      assert.deepEqual(await build(`s3://work/rows/${nameOf(1)}`, 's3.index'), { rows: ROWS, added: ROWS });
      assert.deepEqual(await add('s3://work/rows', 's3.index'), { rows: 2 * ROWS, added: ROWS });
    } finally {
      server.close();
    }
  });
});
