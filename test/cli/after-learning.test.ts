// after-learning.test.ts: what people do with a dataset and with runs around learning: learning-curve, runs, --config, --tensorboard,
// --sort-into.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isThere } from '../../src/util/files.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);
const json = async (...args: readonly string[]) =>
  JSON.parse((await done('finch', ...args)).stdout) as unknown;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-after-'));
  await writeDataset(at('data', 'train'), ['a', 'b', 'c'], 10);
  await writeDataset(at('data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(at('base'));
  const begin = ['data', '--model', 'base', '--batch-size', '8'] as const;
  await done('finetune', ...begin, '--epochs', '2', '--tensorboard', '--out', 'runs/one');
  await done('finetune', ...begin, '--epochs', '0', '--seed', '1', '--out', 'runs/two');
});
after(() => rm(home, { recursive: true, force: true }));

describe('learning-curve', () => {
  test('json: growing parts and what twice as many would give', async () => {
    const curve = (await json('learning-curve', 'data', '--model', 'base', '--format', 'json')) as {
      readonly points: readonly { readonly pictures: number; readonly top1: number }[];
      readonly judged: number;
    };
    assert.equal(curve.judged, 12);
    assert.deepEqual(curve.points.map(({ pictures }) => pictures), [3, 6, 12, 15, 21, 30]); // prettier-ignore
    for (const { top1 } of curve.points) assert.ok(top1 >= 0 && top1 <= 1);
    const best = JSON.parse(await readFile(at('runs', 'two', 'summary.json'), 'utf8')) as {
      readonly top1: number;
    };
    assert.ok(
      Math.abs(curve.points.at(-1)!.top1 - best.top1) < 1e-6,
      'the last point is the head of finetune',
    );
  });

  test('a table, a page, and what is wrong', async () => {
    assert.match(
      (await done('finch', 'learning-curve', 'data', '--model', 'base')).stdout,
      /pictures +a class +top-1/,
    );
    await done('finch', 'learning-curve', 'data', '--model', 'base', '--out', 'curve.html');
    assert.match(await readFile(at('curve.html'), 'utf8'), /<svg/);
    const single = await run('finch', 'learning-curve', 'none', '--model', 'base');
    assert.equal(single.code, 3, single.stderr);
  });
});

describe('suggest', () => {
  test('unlabelled pictures, once each, those that are labelled left out', async () => {
    await cp(at('data', 'val'), at('new'), { recursive: true });
    await cp(at('new', 'a', '0.png'), at('new', 'copy.png'));
    const wanted = async (...flags: readonly string[]) =>
      (await json('suggest', 'new', '--model', 'runs/one/best', '--format', 'json', ...flags)) as readonly { readonly file: string; readonly unsure: number }[]; // prettier-ignore
    const all = await wanted();
    assert.equal(all.length, 12);
    for (const { unsure } of all) assert.ok(unsure >= 0 && unsure <= 1);
    assert.equal((await wanted('--count', '3')).length, 3);
    const others = await wanted('--labelled', 'new/a');
    assert.deepEqual(others.filter(({ file }) => file.includes('/a/') || file.includes('copy')), []); // prettier-ignore
    assert.equal(others.length, 8);
    const { stdout } = await done('finch', 'suggest', 'new', '--model', 'runs/one/best', '--format', 'csv');
    assert.match(stdout, /^rank,file,unsure,label,probability\n1,/);
  });

  test('nothing to label', async () => {
    const { code, stderr } = await run('finch', 'suggest', 'data/val', '--model', 'runs/one/best', '--labelled', 'data'); // prettier-ignore
    assert.equal(code, 3);
    assert.match(stderr, /nothing to label: all 12 pictures are in data already/);
    await mkdir(at('empty'));
    const empty = await run('finch', 'suggest', 'empty', '--model', 'runs/one/best');
    assert.equal(empty.code, 3);
    await writeFile(at('empty', '1.jpg'), 'x');
    await writeFile(at('empty', '2.jpg'), 'y');
    const broken = await run('finch', 'suggest', 'empty', '--model', 'runs/one/best');
    assert.match(broken.stderr, /nothing to label: none of 2 pictures can be read; first empty\/1\.jpg: /);
    assert.match(empty.stderr, /nothing to label: there are no pictures in empty\n/);
  });
});

describe('runs', () => {
  test('list', async () => {
    const runs = (await json('runs', 'list', '--format', 'json')) as readonly Record<string, unknown>[];
    assert.deepEqual(runs.map(({ name, state }) => [name, state]), [['one', 'finished'], ['two', 'finished']]); // prettier-ignore
    assert.match((await done('finch', 'runs', 'list')).stdout, /one +\d+\.\d\d %/);
    const none = await run('finch', 'runs', 'list', 'nowhere');
    assert.equal(none.code, 3);
    assert.match(none.stderr, /no such folder/);
  });

  test('compare: settings, and the same pictures', async () => {
    const compared = (await json('runs', 'compare', 'runs/one', 'runs/two', '--format', 'json')) as {
      readonly settings: readonly { readonly name: string }[];
      readonly test: { readonly pictures: number; readonly p: number };
    };
    assert.deepEqual(compared.settings.map(({ name }) => name).toSorted(), ['epochs', 'seed']);
    assert.equal(compared.test.pictures, 12);
    assert.ok(compared.test.p > 0 && compared.test.p <= 1);
    assert.match((await done('finch', 'runs', 'compare', 'runs/one', 'runs/two')).stdout, /setting/);
    await done('finch', 'runs', 'compare', 'runs/one', 'runs/two', '--out', 'compared.html');
    assert.match(await readFile(at('compared.html'), 'utf8'), /Settings that differ/);
  });

  test('compare: different datasets, and what is no run', async () => {
    await cp(at('data'), at('other'), { recursive: true });
    for (const name of ['a', 'b', 'c']) {
      for (const file of await readdir(at('other', 'val', name))) await cp(at('other', 'val', name, file), at('other', 'val', name, `x${file}`)).then(() => rm(at('other', 'val', name, file))); // prettier-ignore
    }
    await done('finetune', 'other', '--model', 'base', '--epochs', '0', '--out', 'runs/three');
    const other = await run('finch', 'runs', 'compare', 'runs/one', 'runs/three');
    assert.equal(other.code, 2, other.stdout);
    assert.match(other.stderr, /judged by different pictures/);
    const none = await run('finch', 'runs', 'compare', 'runs/one', 'data');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /is no folder of a run/);
  });

  test('delete asks, and moves to the trash', async () => {
    await cp(at('runs', 'two'), at('runs', 'gone'), { recursive: true });
    const asked = await run('finch', 'runs', 'delete', 'runs/gone');
    assert.equal(asked.code, 2);
    assert.match(asked.stderr, /--yes/);
    await done('finch', 'runs', 'delete', 'runs/gone', '--yes');
    assert.equal(await isThere(at('runs', 'gone')), false);
    assert.ok(await isThere(at('runs', '.trash', 'gone', 'config.json')));
    assert.doesNotMatch((await done('finch', 'runs', 'list')).stdout, /gone/);
  });
});

describe('--config', () => {
  test('a run’s own config.json begins the same run anew; flags count more', async () => {
    await done('finetune', '--config', 'runs/one/config.json', '--out', 'runs/again');
    const bytes = (name: string) => readFile(at('runs', name, 'best', 'group1-shard1of1.bin'));
    assert.deepEqual(await bytes('again'), await bytes('one'));
    await done('finetune', '--config', 'runs/one/config.json', '--epochs', '1', '--out', 'runs/shorter');
    const { settings } = JSON.parse(await readFile(at('runs', 'shorter', 'config.json'), 'utf8')) as { settings: { epochs: number } }; // prettier-ignore
    assert.equal(settings.epochs, 1);
  });

  test('yaml; an unknown flag is named', async () => {
    await writeFile(at('flags.yaml'), 'dataset: data\nmodel: base\nepochs: 0\n');
    await done('finetune', '--config', 'flags.yaml', '--out', 'runs/yaml');
    await writeFile(at('flags.yaml'), 'dataset: data\nepoch: 0\n');
    const { code, stderr } = await run('finetune', '--config', 'flags.yaml');
    assert.equal(code, 2);
    assert.match(stderr, /no flag 'epoch' \(did you mean epochs\?\)/);
  });
});

test('--tensorboard: a file of records', async () => {
  const [name = ''] = await readdir(at('runs', 'one', 'tensorboard'));
  assert.match(name, /^events\.out\.tfevents\./);
  const bytes = await readFile(at('runs', 'one', 'tensorboard', name));
  let [records, from] = [0, 0];
  while (from < bytes.length) {
    from += 16 + Number(bytes.readBigUInt64LE(from));
    records += 1;
  }
  assert.equal(from, bytes.length);
  // The version, the head, two epochs, and pictures.
  assert.ok(records > 4, `${records}`);
});

describe('classify --sort-into', () => {
  test('into folders, and back; nothing from behind a link that a pattern finds', async () => {
    await cp(at('data', 'val', 'a'), at('elsewhere'), { recursive: true });
    await symlink(at('elsewhere'), at('data', 'val', 'linked'));
    const before = await readdir(at('data', 'val'), { recursive: true });
    const sort = ['data/val/**/*.png', '--model', 'runs/one/best', '--sort-into', 'sorted', '--sort-by', 'move', '--unsure', '0.1'] as const; // prettier-ignore
    const sorting = await done('classify', ...sort);
    assert.match(sorting.stderr, /data\/val\/linked\/0\.png: it lies in another folder/);
    assert.equal((await readdir(at('elsewhere'))).length, 4);
    const rows = (await readFile(at('sorted', 'sorted.csv'), 'utf8')).trim().split('\n');
    assert.equal(rows[0], 'from,to,label,probability');
    assert.equal(rows.length, 13);
    for (const row of rows.slice(1)) assert.ok(await isThere(row.split(',')[1]!), row);
    const { stderr } = await done('classify', '--undo', 'sorted/sorted.csv');
    assert.match(stderr, /taken back: 12 pictures/);
    assert.deepEqual(await readdir(at('data', 'val'), { recursive: true }), before);
    assert.equal(await isThere(at('sorted')), false);
    await rm(at('data', 'val', 'linked'));
  });

  for (const [args, message] of [
    [['data/val', '--sort-into', 'data/val/sorted'], /lies inside data\/val/],
    [['data/val', '--sort-by', 'move'], /--sort-by belongs to --sort-into/],
    [['data/val', '--unsure', '0.5'], /--unsure belongs to --sort-into/],
    [['data/val', '--undo', 'sorted.csv'], /--undo takes back/],
    [['--sort-into', 'x'], /no INPUT/],
    [['--undo', 'none.csv'], /no such file/],
  ] as const) {
    test(args.join(' '), async () => {
      const { code, stderr } = await run(
        'classify',
        ...args,
        ...(args[0] === '--undo' ? [] : ['--model', 'base']),
      );
      assert.ok(code === 2 || code === 3, stderr);
      assert.match(stderr, message);
      assert.match(stderr, /^error: [^\n]+\n$/);
    });
  }
});
