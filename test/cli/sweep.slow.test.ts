// sweep.slow.test.ts: a sweep of twelve runs that is killed three times and resumed has the bytes of one that was not.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { cliIn, runCliUntil } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { done } = cliIn(() => home);

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-sweep-kill-'));
  await writeDataset(at('data'), ['a', 'b', 'c'], 10);
  await writeSmallModel(at('base'));
});
after(() => rm(home, { recursive: true, force: true }));

const SWEEP = [
  'sweep', 'data', '--model', 'base', '--batch-size', '8', '--epochs', '1', '--grid', 'lr=0.01,0.001,0.0001', '--grid', 'augment=basic,none',
  '--seeds', '0,1',
] as const; // prettier-ignore

test('killed three times, stopped once, resumed: the same bytes', async () => {
  await done('finch', ...SWEEP, '--out', 'whole');
  const options = { env: { FINCH_HOME: home }, spawn: { cwd: home } };
  const until = (signal: NodeJS.Signals, when: RegExp, ...args: readonly string[]) =>
    runCliUntil('finch', args, { ...options, signal, when });
  // Before a run's folder is there, within a run, and when an epoch is done.
  await until('SIGKILL', /run 3 of 12/, ...SWEEP, '--out', 'killed');
  await until('SIGKILL', /run 6 of 12[^]*head: validation/, 'sweep', '--resume', 'killed');
  const stopped = await until('SIGINT', /run 8 of 12[^]*pictures to learn from/, 'sweep', '--resume', 'killed'); // prettier-ignore
  assert.equal(stopped.code, 130, stopped.stderr);
  assert.match(stopped.stderr, /go on with: finch sweep --resume killed\n$/);
  assert.doesNotMatch(stopped.stderr, /finetune --resume/);
  await until('SIGKILL', /run 10 of 12[^]*epoch 1\/1/, ...SWEEP, '--out', 'killed');
  const { stderr, stdout } = await done('finch', 'sweep', '--resume', 'killed');
  assert.match(stderr, /\d+ of 12 runs are done already/);
  assert.match(stdout, /^#/);
  assert.deepEqual((await readdir(at('killed'))).toSorted(), (await readdir(at('whole'))).toSorted());
  for (const name of ['sweep.json', 'results.csv', 'results.json', 'report.html']) {
    assert.equal(await readFile(at('killed', name), 'utf8'), await readFile(at('whole', name), 'utf8'), name);
  }
});
