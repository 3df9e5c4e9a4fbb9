// checkpoint.test.ts: checkpoints written, read, and what is left when writing fails or a process dies in between.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readCheckpoint, saveCheckpoint, type Checkpoint } from '../../src/run/checkpoint.ts';
import { metricsCsv } from '../../src/run/metrics-file.ts';
import { readRun } from '../../src/run/history.ts';
import { runPaths, tidyRunFolder } from '../../src/run/run-folder.ts';

const at = (epoch: number, batch = 0): Checkpoint => ({
  seconds: 1.5,
  engine: 'onnx on cpu',
  progress: {
    rows: [],
    best: { loss: 0.1, score: 0.9, top1: 0.9, top5: 1, stage: 'head', epoch: 3 },
    epoch,
    batch,
    sums: { loss: 1 / 3, right: 2, seen: 3 },
  },
  tensors: {
    trainer: {
      step: epoch * 10 + batch,
      tensors: new Map([
        ['fc/kernel', { shape: [2, 2], data: Float32Array.of(1, 2, 3, epoch) }],
        ['fc/kernel:momentum', { shape: [2, 2], data: Float32Array.of(0, 0.1, 0, 0) }],
      ]),
    },
    average: new Map([['fc/kernel', { shape: [2, 2], data: Float32Array.of(4, 5, 6, 7) }]]),
  },
});

describe('checkpoints', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'finch-checkpoint-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('come back as they were, the latest alone', async () => {
    assert.equal(await readCheckpoint(path.join(folder, 'none')), undefined);
    for (const point of [at(0), at(0, 2), at(1)]) {
      await saveCheckpoint(folder, point);
      assert.deepEqual(await readCheckpoint(folder), point);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['state.json', 'tensors-1-0.safetensors']);
  });

  it('stay whole when the next one cannot be written', async () => {
    await saveCheckpoint(folder, at(1));
    await mkdir(path.join(folder, 'tensors-2-0.safetensors', 'in-the-way'), { recursive: true });
    await assert.rejects(saveCheckpoint(folder, at(2)), { code: 'WRITE_FAILED' });
    assert.deepEqual(await readCheckpoint(folder), at(1));
  });

  it('stay whole when a process dies between the two files', async () => {
    await saveCheckpoint(folder, at(1));
    await writeFile(path.join(folder, 'tensors-2-0.safetensors'), 'half of it');
    assert.deepEqual(await readCheckpoint(folder), at(1));
    await saveCheckpoint(folder, at(2));
    assert.deepEqual(await readCheckpoint(folder), at(2));
  });

  it('that are damaged are refused in one line', async () => {
    for (const text of [
      '{',
      'null',
      '{"version":9}',
      '{"version":1,"tensors":"../../x","step":1,"progress":{}}',
    ]) {
      await writeFile(path.join(folder, 'state.json'), text);
      await assert.rejects(readCheckpoint(folder), { code: 'CHECKPOINT_INVALID' });
    }
    await saveCheckpoint(folder, at(3));
    await writeFile(path.join(folder, 'tensors-3-0.safetensors'), 'cut short');
    await assert.rejects(readCheckpoint(folder), { code: 'CHECKPOINT_INVALID' });
  });
});

describe('a run folder after a crash', () => {
  it('gets back the folder that was being replaced, and loses what was half written', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'finch-run-'));
    const paths = runPaths(folder);
    await mkdir(paths.best);
    await writeFile(path.join(paths.best, 'model.json'), '{}');
    await rename(paths.best, path.join(folder, '.best.0a1b2c3d4e5f.tmp'));
    await mkdir(path.join(folder, '.last.3d4e5f0a1b2c.tmp'));
    await mkdir(paths.last);
    await tidyRunFolder(paths);
    assert.deepEqual((await readdir(folder)).sort(), ['best', 'last']);
    assert.deepEqual(await readdir(paths.best), ['model.json']);
    await rm(folder, { recursive: true });
  });
});

describe('metrics.csv', () => {
  const row = {
    stage: 'all',
    epoch: 1,
    rate: 0.003,
    trainLoss: 1 / 3,
    trainAccuracy: 0.5,
    loss: 0.25,
    score: 0.75,
  } as const;

  it('has a row an epoch', () => {
    assert.equal(
      metricsCsv([{ ...row, top1: 0.75, top5: 1 }], false),
      'stage,epoch,learning_rate,train_loss,train_accuracy,val_loss,val_top1,val_top5\nall,1,0.003,0.3333333,0.5,0.25,0.75,1\n',
    );
  });

  it('has the mean average precision with several labels', () => {
    assert.match(
      metricsCsv([row], true),
      /val_mean_average_precision\nall,1,0\.003,0\.3333333,0\.25,0\.75\n$/,
    );
  });
});

describe('the history of a run', () => {
  it('says that a file is no folder of a run', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'finch-run-'));
    const file = path.join(folder, 'a.pth');
    await writeFile(file, '');
    const message = `${file} is no folder, expected the folder of a run`;
    await assert.rejects(readRun(file), { code: 'CHECKPOINT_INVALID', message });
    await rm(folder, { recursive: true });
  });
});
