// sweep.test.ts: `finch sweep` as a user starts it: what is refused before the first run, what is kept, what goes on.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isThere } from '../../src/util/files.ts';
import { writeDataset, writePicture } from '../helpers/made-up-dataset.ts';
import { cliIn } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);
const sweep = (...args: readonly string[]) => run('finch', 'sweep', ...args);
const BASE = ['data', '--model', 'base', '--batch-size', '8'] as const;

interface Results {
  readonly runs: number;
  readonly results: readonly {
    readonly rank: number;
    readonly settings: Readonly<Record<string, string>>;
    readonly top1?: number;
    readonly low?: number;
    readonly deviation?: number;
    readonly runs: readonly { readonly name: string; readonly seed: string; readonly remark?: string }[];
  }[];
  readonly test?: { readonly pictures: number; readonly p: number };
}
const resultsOf = async (folder: string) =>
  JSON.parse(await readFile(at(folder, 'results.json'), 'utf8')) as Results;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-sweep-'));
  await writeDataset(at('data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(at('data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(at('base'));
});
after(() => rm(home, { recursive: true, force: true }));

describe('refused in one line before the first run', () => {
  const REFUSED: readonly (readonly [code: number, message: RegExp, ...flags: readonly string[]])[] = [
    [2, /no flag 'lrr' \(did you mean lr\?\)/, '--grid', 'lrr=1,2'],
    [2, /--lr must be above 0 .* received x \(with --grid head-c=1 lr=x\)/, '--grid', 'head-c=1', '--grid', 'lr=0.1,x'],
    [2, /--gamma belongs to --schedule step/, '--grid', 'gamma=0.5,0.9'],
    [2, /no layer or module 'conv9'/, '--grid', 'train-from=conv2,conv9'],
    [2, /expected values/, '--grid', 'lr='],
    [2, /seeds are no setting; give --seeds 1,2/, '--grid', 'seed=1,2'],
    [2, /--val-split has to be the same in all runs/, '--grid', 'val-split=0.1,0.2'],
    [2, /is given twice/, '--grid', 'lr=1', '--grid', 'lr=2'],
    [2, /true, false, received yes/, '--grid', 'class-weights=yes'],
    [2, /--seed must be a whole number/, '--seeds', '0,one'],
    [2, /nothing to try/],
    [3, /unknown model 'nowhere'/, '--grid', 'model=base,nowhere'],
  ]; // prettier-ignore
  for (const [expected, message, ...flags] of REFUSED) {
    test(flags.join(' ') || 'no grid', async () => {
      const { code, stdout, stderr } = await sweep(...BASE, ...flags, '--out', 'refused');
      assert.equal(code, expected, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.equal(stdout, '');
      assert.equal(await isThere(at('refused')), false);
    });
  }
});

describe('a sweep', () => {
  const GRID = ['--epochs', '0', '--grid', 'head_c=0.01,1,1.0', '--grid', 'feature-layers=[conv2,pool],[pool]'] as const; // prettier-ignore

  test('all combinations with all seeds, each once; a page that is the same whenever it is made', async () => {
    const { stdout, stderr } = await done('finch', 'sweep', ...BASE, ...GRID, '--seeds', '0,1', '--out', 'swept'); // prettier-ignore
    assert.match(stdout, /^# +head-c +feature-layers +top-1 +± +95 % +loss +epoch\n1 /);
    assert.match(stderr, /run 8 of 8: head-c=1 feature-layers=pool seed=1; about/);
    const { runs, results, test } = await resultsOf('swept');
    assert.equal(runs, 8, '1 and 1.0 are one value');
    assert.equal(results.length, 4);
    for (const [i, { rank, top1 = NaN, deviation, low, runs }] of results.entries()) {
      assert.equal(rank, i + 1);
      assert.ok(top1 >= (results[i + 1]?.top1 ?? 0), 'the best first');
      assert.ok(deviation !== undefined && low !== undefined && low < top1);
      assert.deepEqual(runs.map(({ seed }) => seed), ['0', '1']); // prettier-ignore
    }
    assert.equal(test?.pictures, 12);
    const page = await readFile(at('swept', 'report.html'), 'utf8');
    assert.match(page, /<a href="8_head-c=1_feature-layers=pool_seed=1\/report.html">seed 1<\/a>/);
    const names = (await readdir(at('swept'))).filter((name) => name.startsWith('8'));
    assert.deepEqual(names, ['8_head-c=1_feature-layers=pool_seed=1']);

    const before = await contents('swept');
    for (const name of ['report.html', 'results.csv', 'results.json']) await rm(at('swept', name));
    // The same command with the same folder, and --resume, make nothing anew.
    await done('finch', 'sweep', ...BASE, ...GRID, '--seeds', '0,1', '--out', 'swept');
    assert.deepEqual(await contents('swept'), before);
    const csv = await done('finch', 'sweep', '--resume', 'swept', '--format', 'csv');
    assert.equal(csv.stdout, await readFile(at('swept', 'results.csv'), 'utf8'));
    assert.match(csv.stderr, /8 of 8 runs are done already/);
  });

  test('runs of one network share its features', async () => {
    await rm(at('features'), { recursive: true, force: true });
    await done('finch', 'sweep', ...BASE, '--epochs', '0', '--grid', 'head-c=0.1,1,10', '--out', 'shared');
    const rows = (await readdir(at('features'), { recursive: true })).filter((name) => name.endsWith('.rows')); // prettier-ignore
    assert.equal(rows.length, 1, 'one file of rows for three runs');
  });

  test('other settings, another dataset, and what is no sweep are refused; a copy of the dataset is not', async () => {
    const other = await sweep(...BASE, '--epochs', '0', '--grid', 'head-c=0.1,1', '--out', 'shared');
    assert.equal(other.code, 2, other.stderr);
    assert.match(other.stderr, /shared has another sweep, of 3 runs, .*choose another --out/);
    const differs = await sweep('--resume', 'shared', '--epochs', '1');
    assert.equal(differs.code, 2, differs.stderr);
    assert.match(differs.stderr, /the sweep's own settings: --epochs was 0, received 1/);
    const none = await sweep('--resume', 'data');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /has no sweep\.json/);
    await cp(at('data'), at('copy'), { recursive: true });
    assert.equal((await sweep('copy', '--resume', 'shared')).code, 0, 'told by content');
    await writePicture(at('copy', 'val', 'a', 'new.png'), [40, 40], 20);
    const changed = await sweep('copy', '--resume', 'shared');
    assert.equal(changed.code, 3, changed.stderr);
    assert.match(
      changed.stderr,
      /copy is not what it was when shared was begun: 1 added \("val\/a\/new\.png"\)/,
    );
  });

  test('a run that fails is a row; the others are made', async () => {
    await cp(at('shared'), at('failing'), { recursive: true });
    for (const name of ['1_head-c=0.1', '2_head-c=1']) await rm(at('failing', name, 'summary.json'));
    await writeFile(at('failing', '1_head-c=0.1', 'config.json'), 'no json');
    const { code, stdout, stderr } = await sweep('--resume', 'failing');
    assert.equal(code, 1, stderr);
    assert.match(stdout, /cannot be gone on from/);
    const { results } = await resultsOf('failing');
    assert.deepEqual(results.map(({ top1 }) => top1 === undefined), [false, false, true]); // prettier-ignore
    assert.match(results[2]!.runs[0]!.remark!, /config\.json cannot be gone on from/);
    assert.match(await readFile(at('failing', 'report.html'), 'utf8'), /cannot be gone on from/);
  });

  test('a run that was begun with other pictures than the sweep is a row', async () => {
    await cp(at('shared'), at('between'), { recursive: true });
    const file = at('between', '3_head-c=10', 'checkpoint', 'dataset.json');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(' a"', ' b"'));
    const { code } = await sweep('--resume', 'between');
    assert.equal(code, 1);
    const { results } = await resultsOf('between');
    assert.match(results.at(-1)!.runs[0]!.remark!, /the dataset was another one when 3_head-c=10 was begun/);
  });

  test('a damaged plan is refused', async () => {
    await cp(at('shared'), at('damaged'), { recursive: true });
    const plan = JSON.parse(await readFile(at('shared', 'sweep.json'), 'utf8')) as Readonly<Record<string, object>>; // prettier-ignore
    const [first, ...others] = plan['runs'] as [object];
    const DAMAGED = [
      [/runs\.0\.name/, { runs: [{ ...first, name: '../../elsewhere' }, ...others] }],
      [/runs\.0\.settings: expected no out, resume/, { runs: [{ ...first, settings: { resume: '../elsewhere' } }] }],
      [/flags: expected no out, resume/, { flags: { ...plan['flags'], out: '../elsewhere' } }],
      [/version/, { version: 2 }],
    ] as const; // prettier-ignore
    for (const [message, damage] of DAMAGED) {
      await writeFile(at('damaged', 'sweep.json'), JSON.stringify({ ...plan, ...damage }));
      const { code, stderr } = await sweep('--resume', 'damaged');
      assert.equal(code, 3, stderr);
      assert.match(stderr, message);
    }
  });

  test('flags from a file; the grid counts more', async () => {
    await writeFile(at('flags.yaml'), 'dataset: data\nmodel: base\nepochs: 0\nhead-c: 3\nseeds: [0, 1]\n');
    await done('finch', 'sweep', '--config', 'flags.yaml', '--grid', 'head-c=0.1,1', '--out', 'filed');
    const { results } = await resultsOf('filed');
    assert.deepEqual(new Set(results.map(({ settings }) => settings['head-c'])), new Set(['0.1', '1'])); // prettier-ignore
    assert.equal(results[0]!.runs.length, 2);
  });
});

/** What must not depend on how often a sweep was stopped. */
async function contents(folder: string): Promise<readonly string[]> {
  const names = ['sweep.json', 'results.csv', 'results.json', 'report.html'];
  return Promise.all(names.map((name) => readFile(at(folder, name), 'utf8')));
}
