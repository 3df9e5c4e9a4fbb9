// finetune on tfjs-node, where it is installed: from folders to a report, ended by force and gone on with, and from one engine to
// the other.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { runCli, runCliUntil } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const EPOCHS = 3;

describe('finetune --engine tfjs', { skip: await tfjsNodeMissing() }, () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-tfjs-run-'));
    await promisify(execFile)(process.execPath, [
      path.join(PACKAGE_ROOT, 'examples', 'make-shapes.js'),
      path.join(home, 'shapes'),
    ]);
    await writeSmallModel(path.join(home, 'small'));
  });
  after(() => rm(home, { recursive: true, force: true }));

  const options = () => ({ env: { FINCH_HOME: home }, spawn: { cwd: home } });
  const args = (engine: string, out: string) => ['shapes', '--model', 'small', '--engine', engine, '--epochs', `${EPOCHS}`,
    '--lr', '0.00001', '--optimizer', 'adamw', '--weight-decay', '0.01', '--label-smoothing', '0.1', '--batch-size', '8',
    '--checkpoint-minutes', '0.0005', '--out', out]; // prettier-ignore
  const start = async (engine: string, out: string) => {
    const ended = await runCli('finetune', args(engine, out), options());
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  };
  /** Starts a run and ends it in its second epoch. */
  const stop = (engine: string, out: string, signal: NodeJS.Signals) =>
    runCliUntil('finetune', args(engine, out), { when: /epoch 1\/3/, signal, ...options() });
  const resume = async (out: string, ...more: readonly string[]) => {
    const ended = await runCli('finetune', ['--resume', out, ...more], options());
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /going on with/);
    return ended;
  };
  const text = (...parts: readonly string[]) => readFile(path.join(home, ...parts), 'utf8');
  const metrics = (out: string) => text(out, 'metrics.csv');

  it('leaves a run folder, and goes on after Ctrl-C and kill -9 to the same bytes', async () => {
    const { stdout, stderr } = await start('tfjs', 'whole');
    assert.equal(stdout.trim(), path.join('whole', 'best'));
    assert.match(stderr, /small on TensorFlow [\d.]+ \(tfjs-node 4\.22\.0\) on cpu/);
    assert.match(await text('whole', 'report.html'), /TensorFlow/);
    const { device } = JSON.parse(await text('whole', 'summary.json')) as { device: string };
    assert.match(device, /^TensorFlow .* on cpu$/);

    const stopped = await stop('tfjs', 'stopped', 'SIGINT');
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /go on with: finetune --resume stopped/);
    const killed = await stop('tfjs', 'killed', 'SIGKILL');
    assert.equal(killed.code, null);
    for (const out of ['stopped', 'killed']) {
      const { stderr } = await resume(out);
      assert.doesNotMatch(stderr, /the run was on/);
      assert.equal(await metrics(out), await metrics('whole'), out);
    }
    const shard = ['best', 'group1-shard1of1.bin'] as const;
    assert.equal(await text('killed', ...shard), await text('whole', ...shard));
  });

  for (const [from, to] of [
    ['onnx', 'tfjs'],
    ['tfjs', 'onnx'],
  ] as const) {
    it(`begun on ${from}, it goes on on ${to}, says so, and comes to the same`, async () => {
      await start(from, `stays-on-${from}`);
      const moved = `from-${from}`;
      await stop(from, moved, 'SIGINT');
      const { stderr } = await resume(moved, '--engine', to);
      assert.match(stderr, new RegExp(`the run was on ${from} on cpu so far; .* go over to ${to} on cpu`));
      const [stays, goes] = [numbersOf(await metrics(`stays-on-${from}`)), numbersOf(await metrics(moved))];
      assert.equal(goes.length, stays.length);
      stays.forEach((row, i) =>
        row.forEach((value, column) => {
          const off = Math.abs(goes[i]![column]! - value);
          assert.ok(
            off <= 1e-3 * Math.abs(value),
            `row ${i}, column ${column}: ${goes[i]![column]} for ${value}`,
          );
        }),
      );
    });
  }
});

/** Rows of metrics.csv without their heading and stage. */
function numbersOf(csv: string): readonly (readonly number[])[] {
  const [, ...rows] = csv.trim().split('\n');
  return rows.map((row) => row.split(',').slice(1).map(Number));
}
