// Learning over shards, in one process: the run it leaves, what it refuses, and going on after an interruption.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { learnFromShards } from '../../src/api/sharding/learn/learn.ts';
import { workOf, type WorkOptions } from '../../src/api/work.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { learnConfig, type LearnFlags } from '../../src/config/learn-shards.ts';
import { readRun } from '../../src/run/history.ts';
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

const learn = (folder: string | undefined, flags: LearnFlags, options: WorkOptions = {}) =>
  learnFromShards(
    learnConfig(folder === undefined ? undefined : at(folder), {
      ...(flags.resume === undefined && { model: at('small') }),
      threads: '1',
      ...flags,
    }),
    workOf(options),
  );

describe('a run', () => {
  for (const method of ['converged', 'closed']) {
    test(`${method}: has what a run of finetune has, and a network that knows the classes`, async () => {
      const { best, summary, folder } = await learn('rows', { method, out: at(method) });
      assert.equal(summary.samples + summary.trainSamples, 120);
      assert.ok(summary.top1! > 0.4, `${summary.top1}`);
      assert.deepEqual((await readModelFolder(best)).labels, { set: 'own', names: ['class 0', 'class 1', 'class 2'] }); // prettier-ignore
      const names = ['best', 'checkpoint', 'config.json', 'last', 'metrics.csv', 'predictions.csv', 'report.html', 'summary.json']; // prettier-ignore
      assert.deepEqual((await readdir(folder)).sort(), names);
      assert.deepEqual(await readdir(path.join(folder, 'checkpoint')), ['dataset.json']);
      assert.equal((await readRun(folder)).summary!.classes, 3);
    });
  }

  test('that was interrupted goes on to the same head', async () => {
    for (const pass of ['features', 'head: pass 3']) {
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

  test('takes the classes from a csv; pictures that are not in it are left out', async () => {
    const lines = Array.from({ length: 100 }, (_, n) => `${n}.png,${n % 3 === 0 ? 'x' : 'y'}`);
    await writeFile(at('labels.csv'), ['key,label', ...lines].join('\n'));
    const notes: string[] = [];
    const { summary } = await learn('rows', { labelsFrom: at('labels.csv'), out: at('labelled') }, { onNote: (text) => notes.push(text) }); // prettier-ignore
    assert.equal(summary.classes, 2);
    assert.ok(notes.includes('left out: 20 rows without a class'), notes.join('\n'));
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
    await assert.rejects(learn('rows', { model: at('other') }), /is not the network that the shards were made with/); // prettier-ignore
  });

  test('one class only; features that are no numbers', async () => {
    await makeShards('one', { classes: 1 });
    await assert.rejects(learn('one', { out: at('one run') }), /has one class only, "class 0"/);
    await makeShards('spoilt', { spoilt: true });
    await assert.rejects(learn('spoilt', { out: at('spoilt run') }), /the features of 70.png have a NaN/);
  });
});
