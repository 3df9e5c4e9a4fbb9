// head-stage.test.ts: which pass of stage 1 the head is from, and that this pass is what is reported.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TrainableEngine, Trainer } from '../../src/engine/training.ts';
import { keptPass, trainHeadByAdam, type HeadJob } from '../../src/train/head-stage.ts';
import { learnHead } from '../../src/train/two-stage.ts';
import { createRng } from '../../src/util/rng.ts';

/** Two pictures, one number each, and two labels that the sign of the number decides. */
const features = { rows: Float32Array.of(1, -1), labels: [[0], [1]] };

/** After pass n the head is this strong; the loss is smallest at 4. */
const STRENGTHS = [1, 2, 4, ...Array.from({ length: 40 }, () => 0.5)];

/** An engine whose head is as strong as STRENGTHS says, whatever the batch. */
function fakeEngine(): TrainableEngine {
  let passes = 0;
  const trainer: Trainer = {
    description: 'fake',
    async step({ count }) {
      passes += 1;
      return { loss: 1, logits: { data: new Float32Array(count * 2), shape: [count, 2] } };
    },
    async weights() {
      const strength = STRENGTHS[passes - 1]!;
      return new Map([
        ['head/kernel', { shape: [1, 2], data: Float32Array.of(strength, -strength) }],
        ['head/bias', { shape: [2], data: new Float32Array(2) }],
      ]);
    },
    state: async () => ({ step: passes, tensors: new Map() }),
    restore: async () => {},
    dispose: async () => {},
  };
  return {
    name: 'onnx',
    device: 'cpu',
    description: 'fake',
    load: () => Promise.reject(new Error('not here')),
    slopes: () => Promise.reject(new Error('not here')),
    trainingMemory: () => 0,
    trainer: async () => trainer,
  };
}

const job: Omit<HeadJob, 'epochs' | 'rate'> = {
  engine: fakeEngine(),
  train: features,
  val: features,
  numbers: 1,
  classes: 2,
  multiLabel: true,
  batchSize: 2,
  loss: { kind: 'bce-logits' },
  rng: createRng(0),
};

it('a head that Adam trains with patience is told as the pass that it is from, not as the last one', async () => {
  const { head, epoch, epochs, judgement } = await trainHeadByAdam({ ...job, epochs: 100, rate: 0.1 }, 10);
  assert.deepEqual([...head.kernel], [4, -4]);
  assert.equal(epochs.length, 13, 'ten passes without improvement end it');
  assert.equal(epoch, 3);
  assert.equal(judgement.loss, epochs[2]!.loss);
  assert.equal(keptPass(epochs, 'converged')!.epoch, 3);
});

it('the tutorial keeps the last pass', async () => {
  const settings = { method: 'adam', epochs: 5, rate: 0.1, c: 1 } as const;
  const { head, progress } = await learnHead({ job: { ...job, engine: fakeEngine() }, settings });
  assert.deepEqual([...head.kernel], [0.5, -0.5]);
  assert.equal(progress.best.epoch, 5);
  assert.equal(keptPass(progress.rows, 'adam')!.epoch, 5);
});
