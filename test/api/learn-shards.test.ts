// Learning over shards, in one process: the run it leaves, what it refuses, and going on after an interruption.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readLabels } from '../../src/api/sharding/learn/labels-file.ts';
import { prepareRun } from '../../src/api/finetune/run.ts';
import { judgingShare, rowDivider } from '../../src/api/sharding/learn/divided-rows.ts';
import { firstPass } from '../../src/api/sharding/learn/first-pass.ts';
import { learnFromShards } from '../../src/api/sharding/learn/learn.ts';
import { openShardSet } from '../../src/api/sharding/learn/shard-set.ts';
import { workOf, type WorkOptions } from '../../src/api/work.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { learnConfig, type LearnFlags } from '../../src/config/learn-shards.ts';
import { openBlockProducts } from '../../src/engine/onnx/block-products.ts';
import { startParquetThread, type ParquetThread } from '../../src/formats/foreign-parquet.ts';
import type { ParquetFile } from '../../src/formats/parquet-file.ts';
import { headPaths } from '../../src/run/head-checkpoint.ts';
import { readRun } from '../../src/run/history.ts';
import { FACTS_KEY, SHARD_VERSION } from '../../src/shards/shard-facts.ts';
import { uniform } from '../helpers/lcg.ts';
import { writeMadeUpShard } from '../helpers/made-up-shards.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (name: string) => path.join(scratch, name);
const NUMBERS = 24;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-learn-'));
  await writeSmallModel(at('small'));
  await makeShards('rows');
});
after(() => rm(scratch, { recursive: true, force: true }));

interface Otherwise {
  readonly count?: number;
  readonly classes?: number;
  readonly settings?: Readonly<Record<string, string | boolean>>;
  readonly shape?: string;
  readonly spoilt?: boolean;
}

async function makeShards(
  folder: string,
  { count = 2, classes = 3, settings, shape, spoilt }: Otherwise = {},
) {
  await mkdir(at(folder));
  for (let index = 0; index < count; index++) {
    const rows = Array.from({ length: 60 }, (_, i) => {
      const n = index * 60 + i;
      const numbers = Float32Array.from({ length: NUMBERS }, (_, d) => (d % classes === n % classes ? 1 : 0) + 3 * uniform(n, d)); // prettier-ignore
      if (spoilt && n === 70) numbers[5] = NaN;
      const sha256 = createHash('sha256').update(`${n}`).digest('hex');
      return { file: `${n}.png`, className: `class ${n % classes}`, sha256, numbers };
    });
    const own = settings && index === 1 ? { settings } : {};
    await writeMadeUpShard({ folder: at(folder), model: at('small'), count, index, ...own, ...(shape && { shape }) }, [rows.slice(0, 40), rows.slice(40)]); // prettier-ignore
  }
}

/** Whether this process has a file open; false where the system does not say. */
async function isOpen(file: string): Promise<boolean> {
  const handles = await readdir('/proc/self/fd').catch(() => []);
  const files = await Promise.all(handles.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return files.includes(file);
}

const learn = async (folder: string | undefined, flags: LearnFlags, options: WorkOptions = {}) => {
  const run = await learnFromShards(
    learnConfig(folder === undefined ? undefined : at(folder), {
      ...(flags.resume === undefined && { model: at('small') }),
      threads: '1',
      ...flags,
    }),
    workOf(options),
  );
  return { ...run, summary: (await readRun(run.folder)).summary! };
};

describe('a run', () => {
  for (const method of ['converged', 'closed']) {
    test(`${method}: has what a run of finetune has, and a network that knows the classes`, async () => {
      const { best, summary, folder } = await learn('rows', { method, out: at(method) });
      assert.equal(summary.samples + summary.trainSamples!, 120);
      assert.ok(summary.top1! > 0.4, `${summary.top1}`);
      assert.deepEqual((await readModelFolder(best)).labels, { set: 'own', names: ['class 0', 'class 1', 'class 2'] }); // prettier-ignore
      const names = ['best', 'checkpoint', 'config.json', 'last', 'metrics.csv', 'predictions.csv', 'report.html', 'summary.json']; // prettier-ignore
      assert.deepEqual((await readdir(folder)).sort(), names);
      assert.deepEqual(await readdir(path.join(folder, 'checkpoint')), ['dataset.json']);
      assert.equal((await readRun(folder)).summary!.classes, 3);
      assert.doesNotMatch(
        await readFile(path.join(folder, 'report.html'), 'utf8'),
        /every picture could be read/,
      );
    });
  }

  test('that was interrupted goes on to the same head', async () => {
    for (const pass of ['features', 'head: step 3']) {
      const out = at(`stopped ${pass.at(-1)}`);
      const stop = new AbortController();
      const onProgress = ({ text }: { readonly text: string }) => text.startsWith(pass) && stop.abort();
      await assert.rejects(learn('rows', { method: 'converged', out }, { signal: stop.signal, onProgress }), /interrupted/); // prettier-ignore
      await learn(undefined, { resume: out });
      for (const name of ['metrics.csv', 'predictions.csv']) {
        assert.equal(
          await readFile(path.join(out, name), 'utf8'),
          await readFile(path.join(at('converged'), name), 'utf8'),
        );
      }
    }
  });

  test('that is finished is told as such, and stays as it is', async () => {
    const { mtimeMs } = await stat(path.join(at('closed'), 'best', 'model.json'));
    const notes: string[] = [];
    const { best } = await learn(undefined, { resume: at('closed') }, { onNote: (text) => notes.push(text) });
    assert.match(notes.join('\n'), /^nothing to do: .*closed is finished/);
    assert.equal((await stat(path.join(best, 'model.json'))).mtimeMs, mtimeMs);
    await assert.rejects(prepareRun(undefined, { resume: at('closed'), exif: true }, workOf({})), /go on with it: finch shards learn --resume/); // prettier-ignore
  });

  test('takes the classes from a csv; pictures that are not in it are left out', async () => {
    const lines = Array.from({ length: 100 }, (_, n) => `${n}.png,${n % 3 === 0 ? 'x' : 'y'}`);
    await writeFile(at('labels.csv'), ['key,label', ...lines].join('\n'));
    const notes: string[] = [];
    const { summary } = await learn('rows', { labelsFrom: at('labels.csv'), out: at('labelled') }, { onNote: (text) => notes.push(text) }); // prettier-ignore
    assert.equal(summary.classes, 2);
    assert.ok(notes.includes('left out: 20 rows without a class'), notes.join('\n'));
  });

  test('the csv may have another separator and encoding', async () => {
    const notes: string[] = [];
    const read = (content: Buffer) => writeFile(at('l.csv'), content).then(() => readLabels(at('l.csv'), (text) => notes.push(text))); // prettier-ignore
    const rows = 'key;label\na.png;é\nb.png;猫\n';
    const expected = new Map([['a.png', 'é'], ['b.png', '猫']]); // prettier-ignore
    for (const content of [
      Buffer.from(`\uFEFF${rows}`, 'utf16le'),
      Buffer.from(rows.replaceAll(';', '\t')),
      Buffer.from(rows.replaceAll('\n', '\r')),
    ]) {
      // prettier-ignore
      assert.deepEqual((await read(content)).classes, expected);
    }
    assert.deepEqual(notes, []);
    assert.deepEqual((await read(Buffer.from('key,label\na.png,caf\xe9\n', 'latin1'))).classes, new Map([['a.png', 'café']])); // prettier-ignore
    assert.match(notes.join(), /is read as Windows-1252/);
    const late = Buffer.concat([Buffer.from(`key,label\n${'a.png,cat\n'.repeat(20_000)}b.png,`), Buffer.from('caf\xe9\n', 'latin1')]); // prettier-ignore
    await assert.rejects(read(late), /has bytes that are not UTF-8, the encoding of its beginning; save it as UTF-8/); // prettier-ignore
    const nearly = Buffer.concat([
      Buffer.from(`sep=;\r\nkey;label\na.png;${'猫'.repeat(30)}\nb.png;`),
      Buffer.from([0xff, 10]),
    ]);
    assert.equal((await read(nearly)).classes.get('b.png'), '\ufffd');
    await assert.rejects(read(Buffer.from(`key,label\n,cat\n${'a.png,cat\n'.repeat(100_000)}`)), /line 2 lacks its key/); // prettier-ignore
    for (let i = 0; i < 200 && (await isOpen(at('l.csv'))); i++) await setTimeout(10);
    assert.ok(!(await isOpen(at('l.csv'))), 'the file stays open');
  });

  test('goes on with the labels that it was begun with alone', async () => {
    const stop = new AbortController();
    const onProgress = ({ task }: { readonly task: string }) => task === 'features' && stop.abort();
    const flags = { labelsFrom: at('labels.csv'), out: at('relabelled') };
    await assert.rejects(learn('rows', flags, { signal: stop.signal, onProgress }), /interrupted/);
    await appendFile(at('labels.csv'), '\n100.png,x');
    await assert.rejects(learn(undefined, { resume: at('relabelled') }), /has other labels than when/);
  });
});

describe('refused in one line, before a run is there', () => {
  const cases: Readonly<Record<string, readonly [Otherwise, RegExp]>> = {
    'shards of two networks': [{ settings: { weights: 'others' } }, /made otherwise than the others/],
    'rows without numbers': [{ shape: '0' }, /does not say the shape of its rows/],
    'rows that are no vectors': [{ shape: '4,6' }, /a head takes a vector/],
  };
  for (const [name, [otherwise, message]] of Object.entries(cases)) {
    test(name, async () => {
      await makeShards(name, otherwise);
      await assert.rejects(learn(name, { out: at(`${name} run`) }), message);
      assert.ok(!(await readdir(scratch)).includes(`${name} run`));
    });
  }

  test('a shard that is missing, another network, a folder without shards', async () => {
    await makeShards('gap', { count: 3 });
    await rm(path.join(at('gap'), 'features-00001-of-00003.parquet'));
    await assert.rejects(learn('gap', {}), /features-00001-of-00003.parquet: missing/);
    await assert.rejects(learn('small', {}), /has no shards to learn from/);
    await writeSmallModel(at('other'), 'softmax');
  });

  test('one class only; features that are no numbers', async () => {
    await makeShards('one', { classes: 1 });
    await assert.rejects(learn('one', { out: at('one run') }), /has one class only, "class 0"/);
    await makeShards('spoilt', { spoilt: true });
    await mkdir(at('spoilt run'));
    await assert.rejects(learn('spoilt', { out: at('spoilt run') }), /the features of 70.png have a NaN/);
    assert.ok(!(await readdir(scratch)).includes('one run'));
    assert.deepEqual(await readdir(at('spoilt run')), []);
  });

  const wrong: Readonly<Record<string, readonly [LearnFlags, RegExp]>> = {
    'a share of 20': [{ valSplit: '20' }, /--val-split must be .*did you mean 0.2/],
    '--head-c auto': [{ headC: 'auto' }, /needs rows that are held/],
    'labels that are not there': [{ labelsFrom: '/nowhere.csv' }, /no such file/],
    'another network': [{ model: 'other' }, /is not the network that the shards were made with/],
    'a flag that the closed form ignores': [{ method: 'closed', headC: '2' }, /^FinchError: --head-c belongs to --method converged/], // prettier-ignore
  };
  for (const [name, [flags, message]] of Object.entries(wrong)) {
    test(`${name}, before all shards are read`, async () => {
      const onProgress = ({ task }: { readonly task: string }) => assert.notEqual(task, 'verify');
      const own = flags.model === undefined ? flags : { model: at(flags.model) };
      await assert.rejects(learn('rows', { ...own, out: at('wrong') }, { onProgress }), message);
    });
  }
});

const [WIDE, WIDE_GROUP, WIDE_ROWS] = [512, 1000, 120_000];

/** A shard that is on no disk, whose row groups are made up when they are asked for. */
function madeUpThread(): ParquetThread {
  const facts = { version: SHARD_VERSION, kind: 'features', index: 0, count: 1, manifest: '', finch: '', pictures: WIDE_ROWS, failed: 0, settings: {} };
  const noise = Float32Array.from({ length: WIDE * WIDE_GROUP }, (_, i) => uniform(i, 0));
  const rowOf = (n: number) => ({ file: `${n}.jpg`, class: `class ${n % 10}`, sha256: (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0') });
  const parquet: ParquetFile = {
    file: 'made-up.parquet', etag: '', rows: WIDE_ROWS, columns: [],
    facts: new Map([[FACTS_KEY, JSON.stringify(facts)]]),
    groups: Array.from({ length: WIDE_ROWS / WIDE_GROUP }, (_, i) => ({ from: i * WIDE_GROUP, to: (i + 1) * WIDE_GROUP })),
    numbers: async () => noise.slice(),
    read: async ({ from }) => Array.from({ length: WIDE_GROUP }, (_, i) => rowOf(from + i)),
    isWhole: async () => true,
    close: async () => {},
  };
  return { open: async () => parquet, close: async () => {} };
} // prettier-ignore

describe('the first pass', () => {
  test('keeps no rows for passes that will not be, and leaves none of one that was cut short', async () => {
    const thread = startParquetThread();
    const products = await openBlockProducts(NUMBERS, 1);
    await mkdir(at('pass'));
    const paths = headPaths(at('pass'));
    const division = { share: 0.2, classOf: (_: string, name: string) => name };
    const set = await openShardSet(at('rows'), thread, workOf({}));
    const job = { set, numbers: NUMBERS, thread, paths, products, division };
    const stop = new AbortController();
    const abort = workOf({ signal: stop.signal, onProgress: () => stop.abort() });
    await assert.rejects(firstPass({ ...job, goesOn: () => true }, abort), /interrupted/);
    assert.deepEqual(await readdir(at('pass')), []);
    const { record } = await firstPass({ ...job, goesOn: (rows) => rows < 50 }, workOf({}));
    assert.equal(record.areKept, false);
    assert.deepEqual((await readdir(at('pass'))).sort(), ['judged.f32', 'judged.i32', 'rows.json', 'sums.safetensors']); // prettier-ignore
    await products.dispose();
    await thread.close();
  });

  test('does not hold the rows: a bound on the memory that it takes', async () => {
    const products = await openBlockProducts(WIDE, 1);
    await mkdir(at('wide'));
    const job = {
      set: { files: ['made-up.parquet'], rows: WIDE_ROWS, fingerprint: '' },
      numbers: WIDE,
      thread: madeUpThread(),
      paths: headPaths(at('wide')),
      products,
      division: { share: 0.01, classOf: (_: string, name: string) => name },
      goesOn: () => false,
    };
    const before = process.memoryUsage.rss();
    let most = before;
    const onProgress = () => (most = Math.max(most, process.memoryUsage.rss()));
    const { record } = await firstPass(job, workOf({ onProgress }));
    await products.dispose();
    assert.equal(record.counts.reduce((a, b) => a + b) + record.judged.length, WIDE_ROWS);
    const [growth, held] = [most - before, 4 * WIDE * WIDE_ROWS];
    assert.ok(growth < held / 2, `${growth} bytes more, for ${held} bytes of rows`);
  }); // prettier-ignore

  test('learns from the first row of a class and its copies; few labels among many rows judge by their own number', () => {
    const divider = rowDivider({ share: 0.5, classOf: (_, name) => name });
    const hashes = ['0', '0', '1', 'f'].map((digit) => digit.repeat(64));
    const { train, judged } = divider.divide({ shard: 's', files: ['a', 'b', 'c', 'd'], classes: ['x', 'x', 'x', 'x'], hashes, rows: new Float32Array(4) }); // prettier-ignore
    assert.deepEqual([train.labels.length, judged.files], [3, ['c']]);
    assert.equal(judgingShare(0.2, { rows: 1e7, labels: 5000 }), 0.2);
    assert.equal(judgingShare(0.2, { rows: 1e7, labels: undefined }), 0.002);
  });
});
