// finetune-minutes.test.ts: stage 2 on kept maps, and runs that are planned to a time.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isThere } from '../../src/util/files.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-minutes-'));
  await writeDataset(path.join(home, 'data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(path.join(home, 'data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(path.join(home, 'base'));
});
after(() => rm(home, { recursive: true, force: true }));

const { run, done } = cliIn(() => home);

const finetune = (...flags: readonly string[]) =>
  done('finetune', 'data', '--model', 'base', '--batch-size', '8', ...flags);

async function metrics(out: string): Promise<readonly Record<string, number>[]> {
  const text = await readFile(path.join(home, out, 'metrics.csv'), 'utf8');
  const [names, ...rows] = text.trim().split('\n').map((row) => row.split(',')); // prettier-ignore
  return rows.map((row) => Object.fromEntries(names!.map((name, i) => [name, Number(row[i])])));
}

async function summary(out: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path.join(home, out, 'summary.json'), 'utf8')) as Record<string, unknown>;
}

describe('--cached-views', () => {
  for (const [name, flags] of Object.entries({
    'one label': [],
    'probabilities as output': ['--loss', 'bce'],
  })) {
    test(`${name}: learns what it learns without, where the views are the same`, async () => {
      const common = [
        '--train-from',
        'conv2',
        '--augment',
        'none',
        '--epochs',
        '3',
        '--optimizer',
        'sgd',
        '--lr',
        '0.02',
        ...flags,
      ];
      const [plain, cached] = [`plain-${flags.length}`, `cached-${flags.length}`];
      await finetune(...common, '--out', plain);
      await finetune(...common, '--cached-views', '1', '--out', cached);
      const [expected, found] = [await metrics(plain), await metrics(cached)];
      assert.equal(found.length, expected.length);
      for (const [i, row] of expected.entries()) {
        for (const column of ['train_loss', 'val_loss']) {
          const [want, have] = [row[column]!, found[i]![column]!];
          assert.ok(Math.abs(want - have) <= 1e-3 * Math.abs(want), `${column} ${have} for ${want}`);
        }
      }
      assert.notEqual(found.at(-1)!['val_loss'], found[0]!['val_loss']);
      assert.equal(await isThere(path.join(home, cached, 'checkpoint', 'maps')), false);
      const { stdout } = await done('finch', 'evaluate', 'data', '--split', 'val', '--model', `${cached}/last`, '--format', 'json'); // prettier-ignore
      const { loss } = JSON.parse(stdout) as { readonly loss: number };
      const told = found.at(-1)!['val_loss']!;
      assert.ok(Math.abs(told - loss) < 1e-4 * (1 + loss), `metrics.csv ${told}, evaluate ${loss}`);
    });
  }

  test('several views: every epoch has others', async () => {
    await finetune('--train-from', 'conv2', '--cached-views', '3', '--epochs', '4', '--out', 'views');
    const losses = (await metrics('views')).slice(1).map((row) => row['train_loss']);
    assert.equal(new Set(losses).size, 4);
  });

  for (const [flags, pattern] of [
    [['--cached-views', '2'], /--cached-views belongs to --train-from LAYER/],
    [['--cached-views', '2', '--train-from', 'conv1'], /nothing stands before 'conv1'.*conv2/],
    [['--cached-views', '2', '--train-from', 'conv2', '--mixup', '0.2'], /--mixup belongs to pictures/],
    [['--cached-views', '-1', '--train-from', 'conv2'], /--cached-views must be a whole number/],
  ] as const) {
    test(`refused: ${flags.join(' ')}`, async () => {
      const { code, stderr } = await run('finetune', 'data', '--model', 'base', ...flags, '--out', 'no');
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    });
  }
});

test('a run that ends because more epochs gain nothing has ended well', async () => {
  const { stderr } = await finetune('--out', 'plain');
  assert.equal((await summary('plain'))['ended'], 'no gain', stderr);
});

describe('--minutes', () => {
  test('ends in time, says its plan, and is at least as good as its head', async () => {
    const started = performance.now();
    const { stderr } = await finetune('--minutes', '0.25', '--out', 'planned');
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds < 0.25 * 60 * 1.1 + 1, `${seconds} s`);
    assert.match(stderr, /plan: /);
    const { plan, top1, secondsToBest } = await summary('planned');
    assert.ok(plan);
    const [head] = await metrics('planned');
    assert.ok(Number(top1) >= head!['val_top1']!);
    assert.ok(Number(secondsToBest) <= seconds);
  });

  test('too short for the head: says what it takes', async () => {
    const { code, stderr } = await run('finetune', 'data', '--model', 'base', '--minutes', '0.0001', '--out', 'no'); // prettier-ignore
    assert.equal(code, 2);
    assert.match(stderr, /--minutes: the head alone takes about [\d.]+ minutes/);
    assert.equal(await isThere(path.join(home, 'no')), false);
  });

  for (const [flags, pattern] of [
    [['--find-lr'], /--minutes is the length of a run, and --find-lr makes a page/],
    [['--cached-views', '2'], /--cached-views belongs to --train-from/],
    [['--train-size', '16,24'], /--minutes plans by the steps of one size/],
    [['--train-size', '0'], /--train-size must be a whole number at least 1/],
  ] as const) {
    test(`refused: ${flags.join(' ')}`, async () => {
      const { code, stderr } = await run('finetune', 'data', '--model', 'base', '--minutes', '1', ...flags);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
    });
  }

  test('refused: --epochs 5', async () => {
    const { code, stderr } = await run('finetune', 'data', '--model', 'base', '--minutes', '1', '--epochs', '5'); // prettier-ignore
    assert.equal(code, 2);
    assert.match(stderr, /--epochs and --minutes both say how long a run is/);
  });
});
