// finetune-paths.test.ts: a share that would be ignored is refused, and a run whose paths were relative goes on from another folder.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let scratch = '';
const at = (...parts: readonly string[]) => path.join(scratch, ...parts);
const finetune = (cwd: string, ...args: readonly string[]) =>
  runCli('finetune', args, { env: { FINCH_HOME: at('home') }, spawn: { cwd } });
/** In `scratch`. */
const ON_DATA = ['data', '--model', 'M'];

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-paths-'));
  await writeDataset(at('data', 'train'), ['a', 'b'], 4);
  await writeDataset(at('data', 'val'), ['a', 'b'], 2);
  await writeSmallModel(at('M'));
});
after(() => rm(scratch, { recursive: true, force: true }));

test('--val-split is refused where the dataset is divided already', async () => {
  const { code, stderr } = await finetune(scratch, ...ON_DATA, '--val-split', '0.3', '--out', 'run');
  assert.equal(code, 2, stderr);
  assert.match(
    stderr,
    /^error: --val-split divides datasets that are not divided, data is: .*; leave it out\n$/,
  );
});

test('--root and --model relative to one folder: the run goes on from another', async () => {
  await mkdir(at('tables'));
  const rows = ['a', 'b'].flatMap((name) => [0, 1, 2, 3].map((i) => `train/${name}/${i}.png,${name}`));
  await writeFile(at('tables', 'x.csv'), `file,label\n${rows.join('\n')}\n`);
  const args = ['tables/x.csv', '--root', 'data', '--model', 'M', '--epochs', '0', '--out', 'paths'];
  const begun = await finetune(scratch, ...args);
  assert.equal(begun.code, 0, begun.stderr);
  const resumed = await finetune(at('tables'), '--resume', '../paths');
  assert.equal(resumed.code, 0, resumed.stderr);
});

test('a csv whose pictures are named from the working folder: the run goes on from another, and from a copy by --root', async () => {
  const rows = ['a', 'b'].flatMap((name) => [0, 1, 2, 3].map((i) => `data/train/${name}/${i}.png,${name}`));
  await mkdir(at('lists'));
  await writeFile(at('lists', 'here.csv'), `file,label\n${rows.join('\n')}\n`);
  const begun = await finetune(scratch, 'lists/here.csv', '--model', 'M', '--epochs', '0', '--out', 'here');
  assert.equal(begun.code, 0, begun.stderr);
  await mkdir(at('elsewhere'));
  const resumed = await finetune(at('elsewhere'), '--resume', '../here');
  assert.equal(resumed.code, 0, resumed.stderr);
  await cp(at('data'), at('elsewhere', 'copy', 'data'), { recursive: true });
  const moved = await finetune(at('elsewhere'), '--resume', '../here', '--root', 'copy');
  assert.equal(moved.code, 0, moved.stderr);
});

test('a proposed command quotes a folder with a space in its name', async () => {
  const { code, stderr } = await finetune(scratch, ...ON_DATA, '--epochs', '0', '--out', 'my run');
  assert.equal(code, 0, stderr);
  assert.ok(
    stderr.includes(`use it with: classify PICTURE --model '${path.join('my run', 'best')}'\n`),
    stderr,
  );
});
