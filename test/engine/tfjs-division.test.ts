// A device whose memory does not hold a batch, played by kernels that say so in TensorFlow's words.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainKernels, type Kernels } from '../../src/engine/tfjs/kernels.ts';
import { createPredictor } from '../../src/engine/tfjs/predictor.ts';
import { loadRuntime } from '../../src/engine/tfjs/runtime.ts';
import { createTrainer } from '../../src/engine/tfjs/trainer.ts';
import type { OnDivided } from '../../src/engine/engine.ts';
import type { TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIZE = 8;
const COUNT = 7;

const b = graphBuilder('small', SIZE);
let x = b.conv2d(b.input, 'conv1', { filters: 6, kernel: 3, stride: 2, pad: 1 });
x = b.dropout(b.activation(b.batchNormalization(x, 'bn1'), 'relu1', 'relu'), 'drop', 0.3);
x = b.activation(
  b.batchNormalization(b.conv2d(x, 'conv2', { filters: 4, kernel: 3 }), 'bn2'),
  'relu2',
  'relu',
);
const graph = b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', 3));
const model = { graph, weights: madeUpWeights(graph), ...HALF };

const data = new Uint8Array(
  Buffer.concat(Array.from({ length: COUNT }, (_, i) => madeUpPixels(`part ${i}`, SIZE, SIZE))),
);
const batch = { data, count: COUNT, height: SIZE, width: SIZE };
const targets = { classes: [0, 2, 1, 1, 0, 2, 2] };

const SPEC: TrainSpec = {
  batchSize: COUNT,
  loss: { kind: 'cross-entropy', labelSmoothing: 0.1, classWeights: [1, 2, 0.5] },
  optimizer: { kind: 'adamw', weightDecay: 0.01 },
  batchNorm: 'frozen',
  clipNorm: 1,
  seed: 5,
};

const runtime = await loadRuntime({ device: 'js' });
const { tf } = runtime;

/** The second convolution fails for more than `held` pictures. */
function kernelsFor(held: number): Kernels {
  const plain = plainKernels(tf);
  return {
    ...plain,
    conv2d(x, kernel, window) {
      if (kernel.shape[3] === 4 && x.shape[0] > held) {
        throw new Error(
          `Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[${x.shape.join()}] and type float on ` +
            '/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
        );
      }
      return plain.conv2d(x, kernel, window);
    },
  };
}

const trainerFor = (held: number, spec: TrainSpec, onDivided?: OnDivided) =>
  createTrainer({ runtime, kernels: kernelsFor(held), onDivided }, model, spec);

describe('a batch that memory does not hold', () => {
  for (const [name, more] of [
    ['one step after another', {}],
    ['accumulated', { accumulate: 2 }],
    ['several labels', { loss: { kind: 'bce-logits' } }],
  ] as const) {
    test(`is learnt from in parts, to the same weights: ${name}`, async () => {
      const spec = { ...SPEC, ...more };
      const told: number[] = [];
      const [whole, divided] = [trainerFor(COUNT, spec), trainerFor(2, spec, (atOnce) => told.push(atOnce))];
      for (let i = 0; i < 4; i++) {
        const [a, b] = [await whole.step(batch, targets, [0.01]), await divided.step(batch, targets, [0.01])];
        assertAllClose([b.loss], [a.loss], { rtol: 1e-6 }, 'loss');
        assertAllClose(b.logits.data, a.logits.data, { rtol: 1e-5, atol: 1e-6 }, 'logits');
        assert.deepEqual(b.logits.shape, [COUNT, 3]);
      }
      const [a, b] = [await whole.state(), await divided.state()];
      assert.equal(a.step, b.step);
      for (const [key, { data }] of a.tensors) {
        assertAllClose(b.tensors.get(key)!.data, data, { rtol: 1e-3, atol: 1e-5 }, key);
      }
      // Halved from 7 to 4 to 2 once, and remembered.
      assert.deepEqual(told, [2]);
      for (const trainer of [whole, divided]) await trainer.dispose();
    });
  }

  test('moves running statistics once, by the average of the parts', async () => {
    const spec: TrainSpec = { ...SPEC, batchNorm: 'train' };
    const [whole, divided] = [trainerFor(COUNT, spec), trainerFor(4, spec, () => {})];
    await whole.step(batch, targets, [0]);
    await divided.step(batch, targets, [0]);
    const [a, b] = [await whole.weights(), await divided.weights()];
    // The mean of the parts is the mean of the whole where nothing normalised comes before.
    const [expected, found] = [a, b].map((weights) => weights.get('bn1/moving_mean')!.data);
    assertAllClose(found!, expected!, { rtol: 1e-5, atol: 1e-6 }, 'moving mean');
    for (const trainer of [whole, divided]) await trainer.dispose();
  });

  test('without leave to divide is an error that says what fits, and nothing moves or stays behind', async () => {
    const before = tf.memory().numTensors;
    const trainer = trainerFor(2, SPEC);
    const held = tf.memory().numTensors;
    const unharmed = await trainer.weights();
    await assert.rejects(trainer.step(batch, targets, [0.01]), {
      code: 'OUT_OF_MEMORY',
      message:
        /^training small with 7 pictures at a time takes more memory than js has\. 2 fit: use --batch-size 2/,
    });
    assert.deepEqual(await trainer.weights(), unharmed);
    assert.equal(tf.memory().numTensors, held);
    await trainer.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  test('of which not even one picture fits is an error either way', async () => {
    const held = tf.memory().numTensors;
    const trainer = trainerFor(0, { ...SPEC, batchNorm: 'train' }, () => assert.fail('nothing fits'));
    await assert.rejects(trainer.step(batch, targets, [0.01]), {
      code: 'OUT_OF_MEMORY',
      message: /One is too much already: use smaller pictures/,
    });
    await trainer.dispose();
    assert.equal(tf.memory().numTensors, held);
  });

  test('is predicted in parts, to the same numbers; or refused with what fits', async () => {
    const held = tf.memory().numTensors;
    const told: number[] = [];
    const outputs = ['relu2', 'fc'];
    const load = (fits: number, onDivided?: OnDivided) =>
      createPredictor(runtime, kernelsFor(fits), model, { outputs, onDivided });
    const [whole, divided, refuses] = [load(COUNT), load(3, (atOnce) => told.push(atOnce)), load(3)];
    const [a, b] = [await whole.run(batch), await divided.run(batch)];
    a.forEach(({ data, shape }, i) => {
      assert.deepEqual(b[i]!.shape, shape);
      assertAllClose(b[i]!.data, data, { rtol: 1e-6, atol: 1e-7 }, outputs[i]);
    });
    await divided.run(batch);
    assert.deepEqual(told, [2]);
    await assert.rejects(refuses.run(batch), { code: 'OUT_OF_MEMORY', message: /2 fit: use --batch-size 2/ });
    for (const predictor of [whole, divided, refuses]) await predictor.dispose();
    assert.equal(tf.memory().numTensors, held);
  });
});
