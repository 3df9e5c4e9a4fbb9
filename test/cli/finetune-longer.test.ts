// finetune-longer.test.ts: a finished run that goes on with more epochs: `--resume RUN --epochs N`.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { rateAt } from '../../src/train/schedule.ts';
import { writeDataset, writePicture } from '../helpers/made-up-dataset.ts';
import { cliIn, runCliUntil } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
const { run, done } = cliIn(() => home);
const longer = (name: string, epochs: string) => done('finetune', '--resume', name, '--epochs', epochs);
const read = (...parts: readonly string[]) => readFile(at(...parts), 'utf8');
const json = async (...parts: readonly string[]) =>
  JSON.parse(await read(...parts)) as Readonly<Record<string, unknown>>;
const rows = async (name: string) =>
  (parse(await read(name, 'metrics.csv'), { columns: true }) as Record<string, string>[])
    .filter(({ stage }) => stage === 'all')
    .map(({ epoch, learning_rate }) => [Number(epoch), Number(learning_rate)] as const);

const BASE = ['data', '--model', 'base', '--batch-size', '8', '--checkpoint-minutes', '0'] as const;

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-longer-'));
  await writeDataset(at('data', 'train'), ['a', 'b', 'c'], 8);
  await writeDataset(at('data', 'val'), ['a', 'b', 'c'], 4);
  await writeSmallModel(at('base'));
  await done('finetune', ...BASE, '--epochs', '2', '--out', 'two');
  await done('finetune', ...BASE, '--epochs', '0', '--out', 'head');
});
after(() => rm(home, { recursive: true, force: true }));

/** Everything that does not hold times. */
async function outcome(name: string): Promise<readonly unknown[]> {
  const { seconds: _, secondsToBest: __, ...summary } = await json(name, 'summary.json');
  const shard = 'group1-shard1of1.bin';
  const bytes = [await readFile(at(name, 'best', shard)), await readFile(at(name, 'last', shard))];
  return [summary, await read(name, 'metrics.csv'), await read(name, 'predictions.csv'), ...bytes];
}

describe('a finished run goes on', () => {
  test('with a schedule of its own for the new epochs; both parts are told', async () => {
    await cp(at('two'), at('whole'), { recursive: true });
    const before = await rows('whole');
    const { stderr } = await longer('whole', '5');
    assert.match(stderr, /goes on at epoch 3 of 5; the learning rate begins anew, over the 3 new epochs: 0\.0001, falling along a cosine, growing from 0 over the first epoch/); // prettier-ignore
    const all = await rows('whole');
    assert.deepEqual(all.slice(0, 2), before);
    const schedule = { name: 'cosine', rate: 1e-4, warmup: 1 } as const;
    const expected = [1, 2, 3].map((epoch) => rateAt(schedule, { epoch: epoch - 1 / 3, epochs: 3, stepsPerEpoch: 3 })); // prettier-ignore
    all.slice(2).forEach(([epoch, rate], i) => {
      assert.equal(epoch, 3 + i);
      assert.ok(Math.abs(rate - expected[i]!) < 1e-9, `${rate} at epoch ${epoch}, expected ${expected[i]}`);
    });
    const { flags, continuedAfter } = await json('whole', 'config.json');
    assert.deepEqual([(flags as Record<string, string>)['epochs'], continuedAfter], ['5', [2]]);
    const summary = await json('whole', 'summary.json');
    assert.deepEqual([summary['epochs'], summary['continuedAfter']], [5, [2]]);
    assert.match(await read('whole', 'report.html'), /went on, once finished/);
  });

  test('killed while it goes on, and again: the same as one that was not', async () => {
    await cp(at('two'), at('killed'), { recursive: true });
    const args = ['--resume', 'killed', '--epochs', '5'];
    const options = { env: { FINCH_HOME: home }, spawn: { cwd: home }, signal: 'SIGKILL' } as const;
    await runCliUntil('finetune', args, { ...options, when: /goes on at epoch 3/ });
    await runCliUntil('finetune', args, { ...options, when: /epoch 4\/5/ });
    await done('finetune', '--resume', 'killed');
    // The name of the run is in its models' metadata alone.
    assert.deepEqual(await outcome('killed'), await outcome('whole'));
  });

  test('a second time', async () => {
    await cp(at('whole'), at('thrice'), { recursive: true });
    await longer('thrice', '6');
    assert.deepEqual((await json('thrice', 'summary.json'))['continuedAfter'], [2, 5]);
    assert.equal((await rows('thrice')).length, 6);
  });

  test('a run of stage 1 gets the stage 2 that it would have had', async () => {
    await cp(at('head'), at('grown'), { recursive: true });
    assert.match((await longer('grown', '2')).stderr, /goes on with stage 2, of up to 2 epochs/);
    assert.deepEqual(await rows('grown'), await rows('two'));
    const [{ continuedAfter, ...summary }, ...files] = (await outcome('grown')) as [Record<string, unknown>];
    assert.deepEqual(continuedAfter, [0]);
    assert.deepEqual([summary, ...files], await outcome('two'));
  });
});

describe('refused in one line, and nothing changed', () => {
  const refused = async (name: string, code: number, message: RegExp, ...args: readonly string[]) => {
    const before = await outcome(name);
    const ended = await run('finetune', ...args);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, message);
    assert.deepEqual(await outcome(name), before);
  };

  test('no more epochs than were done', () =>
    refused('whole', 2, /^error: --epochs 4: whole has done 5 epochs of stage 2 already; give more/, '--resume', 'whole', '--epochs', '4')); // prettier-ignore

  test('another setting too', () =>
    refused('whole', 2, /--lr was not given, received 0\.5/, '--resume', 'whole', '--epochs', '9', '--lr', '0.5')); // prettier-ignore

  test('another dataset', async () => {
    await cp(at('data'), at('other'), { recursive: true });
    await writePicture(at('other', 'val', 'a', 'new.png'), [40, 40], 20);
    for (const name of ['two', 'head']) {
      await refused(name, 3, /other is not what it was/, 'other', '--resume', name, '--epochs', '9');
    }
  });

  test('a run that is not finished', async () => {
    await cp(at('two'), at('unfinished'), { recursive: true });
    await rm(at('unfinished', 'summary.json'));
    const { code, stderr } = await run('finetune', '--resume', 'unfinished', '--epochs', '9');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--epochs was 2, received 9/);
  });
});
