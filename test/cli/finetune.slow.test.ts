// finetune.slow.test.ts: a run that is killed again and again, and one whose disk is full, lose nothing but time.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { createRng } from '../../src/util/rng.ts';
import { writeDataset } from '../helpers/made-up-dataset.ts';
import { runCli } from '../helpers/run-cli.ts';
import { writeSmallModel } from '../helpers/small-model.ts';

const KILLS = 20;
const EPOCHS = 250;
/** After a run shows its first epoch it is killed within this time. Every fourth is killed while it starts. */
const LIFE_MS = 500;
const START_MS = 2000;

describe('a run that is ended by force', () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'finch-killed-'));
    await writeDataset(path.join(home, 'data'), ['a', 'b', 'c'], 16);
    await writeSmallModel(path.join(home, 'small'));
  });
  after(() => rm(home, { recursive: true, force: true }));

  const common = () => ({ env: { FINCH_HOME: home }, spawn: { cwd: home } });
  const args = (out: string) => ['data', '--model', 'small', '--epochs', `${EPOCHS}`, '--batch-size', '8',
    '--threads', '1', '--train-size', '16,24', '--lr', '0.0001', '--checkpoint-minutes', '0.002', '--out', out]; // prettier-ignore
  const metrics = (out: string) => readFile(path.join(home, out, 'metrics.csv'), 'utf8');

  it(`goes on after each of ${KILLS} kill -9, to the bytes of one that was left alone`, async () => {
    const whole = await runCli('finetune', args('whole'), common());
    assert.equal(whole.code, 0, whole.stderr);
    const rng = createRng(1);
    let [kills, done] = [0, false];
    for (let start = 0; !done; start++) {
      const given = start === 0 ? args('killed') : ['--resume', 'killed'];
      const child = spawn(process.execPath, [path.join(PACKAGE_ROOT, 'bin', 'finetune.js'), ...given], {
        cwd: home,
        env: { ...process.env, FINCH_HOME: home },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      const seen = new Promise<void>((resolve) =>
        child.stderr.on('data', (chunk: Buffer) => {
          stderr += chunk.toString();
          if (/epoch \d+\/\d+/.test(stderr)) resolve();
        }),
      );
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      if (kills < KILLS) {
        const life =
          start % 4 === 3 ? sleep(rng.integer(START_MS)) : seen.then(() => sleep(rng.integer(LIFE_MS)));
        await Promise.race([ended, life]);
        if (child.exitCode === null) {
          child.kill('SIGKILL');
          kills += 1;
        }
      }
      const code = await ended;
      assert.ok(code === null || code === 0, stderr);
      done = code === 0;
    }
    assert.ok(kills >= 5, `killed ${kills} times only`);
    assert.equal(await metrics('killed'), await metrics('whole'));
    const used = await runCli('classify', ['data/a/1.png', '--model', 'killed/best'], common());
    assert.equal(used.code, 0, used.stderr);
  });

  it('goes on after a full disk', async (t) => {
    const disk = path.join(home, 'disk');
    await mkdir(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=120k', 'none', disk]).status !== 0) {
      t.skip('needs the right to mount a small disk');
      return;
    }
    try {
      const full = await runCli('finetune', args('disk/run'), common());
      assert.equal(full.code, 3, full.stderr);
      assert.match(full.stderr, /the disk is full.*--resume/s);
      assert.equal(spawnSync('mount', ['-o', 'remount,size=100m', disk]).status, 0);
      const resumed = await runCli('finetune', ['--resume', 'disk/run'], common());
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.equal(await metrics('disk/run'), await metrics('whole'));
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});
