// The tfjs engine where it differs from the onnx one: what is missing, what is left behind, and that a run can change engines.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../../src/engine/engine.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { selectEngine } from '../../src/engine/select.ts';
import { whyNoGpu } from '../../src/engine/tfjs/log.ts';
import { explainLoading, loadRuntime } from '../../src/engine/tfjs/runtime.ts';
import type { Optimizer, TrainableEngine, Trainer, TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIZE = 8;
const COUNT = 4;

/** A little of everything that keeps state or takes chance. */
function network(): Graph {
  const b = graphBuilder('small', SIZE);
  let x = b.conv2d(b.input, 'conv1', { filters: 6, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'bn1'), 'relu1', 'relu');
  const y = b.activation(
    b.batchNormalization(b.conv2d(x, 'conv2', { filters: 6, kernel: 3, pad: 1 }), 'bn2'),
    'relu2',
    'relu6',
  );
  x = b.prelu(b.dropout(b.add('add', x, y), 'drop', 0.3), 'prelu');
  return b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', 3));
}

function batch(name: string) {
  const pictures = Array.from({ length: COUNT }, (_, i) => madeUpPixels(`${name} ${i}`, SIZE, SIZE));
  return { data: new Uint8Array(Buffer.concat(pictures)), count: COUNT, height: SIZE, width: SIZE };
}
const targets = { classes: [0, 2, 1, 1] };

const SPEC: TrainSpec = {
  batchSize: COUNT,
  loss: { kind: 'cross-entropy', labelSmoothing: 0.1 },
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-3 },
  groups: [['fc']],
  seed: 3,
};

const js = () => selectEngine({ engine: 'auto', device: 'js' });
const onnx = () => createOnnxEngine({ device: 'cpu', threads: 1 });

async function trainerOn(engine: TrainableEngine, spec: TrainSpec): Promise<Trainer> {
  const graph = network();
  return engine.trainer({ graph, weights: madeUpWeights(graph), ...HALF }, spec);
}

const OPTIMIZERS: Readonly<Record<string, Partial<TrainSpec>>> = {
  'SGD with momentum': {},
  'Nesterov, clipped': {
    optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 1e-2, decays: 'kernels' },
    clipNorm: 0.5,
  },
  'plain SGD, frozen batch norm': { optimizer: { kind: 'sgd' }, batchNorm: 'frozen' },
  Adam: { optimizer: { kind: 'adam', weightDecay: 1e-2 } satisfies Optimizer },
  'AdamW over three batches': { optimizer: { kind: 'adamw', weightDecay: 0.05 }, accumulate: 3 },
  'half of the network': { trainFrom: 'conv2' },
  'class weights': { loss: { kind: 'cross-entropy', classWeights: [1, 2, 0.5] } },
  'logits of several labels': { loss: { kind: 'bce-logits', posWeight: [1, 3, 2] } },
};

describe('a run that changes engines is the run that stays', () => {
  for (const [name, more] of Object.entries(OPTIMIZERS)) {
    test(name, async () => {
      const spec = { ...SPEC, ...more };
      const rates = [0.02, 0.1];
      const [stays, begins, goesOn] = [
        await trainerOn(await onnx(), spec),
        await trainerOn(await js(), spec),
        await trainerOn(await onnx(), spec),
      ];
      for (let i = 0; i < 4; i++) {
        const [a, b] = [
          await stays.step(batch(`step ${i}`), targets, rates),
          await begins.step(batch(`step ${i}`), targets, rates),
        ];
        assertAllClose([b.loss], [a.loss], { rtol: 1e-5 }, `loss ${i}`);
        assertAllClose(b.logits.data, a.logits.data, { rtol: 1e-4, atol: 1e-6 }, `logits ${i}`);
        assert.equal(a.gradNorm === undefined, b.gradNorm === undefined);
        if (a.gradNorm !== undefined) assertAllClose([b.gradNorm!], [a.gradNorm], { rtol: 1e-4 }, 'norm');
      }
      await goesOn.restore(await begins.state());
      for (let i = 4; i < 8; i++) {
        const [a, b] = [
          await stays.step(batch(`step ${i}`), targets, rates),
          await goesOn.step(batch(`step ${i}`), targets, rates),
        ];
        assertAllClose([b.loss], [a.loss], { rtol: 1e-4 }, `loss ${i} after the change`);
      }
      const [a, b] = [await stays.state(), await goesOn.state()];
      assert.equal(a.step, b.step);
      assert.deepEqual([...a.tensors.keys()].sort(), [...b.tensors.keys()].sort());
      for (const [key, { data }] of a.tensors) {
        assertAllClose(b.tensors.get(key)!.data, data, { rtol: 2e-3, atol: 1e-6 }, key);
      }
      for (const trainer of [stays, begins, goesOn]) await trainer.dispose();
    });
  }
});

test('nothing is left behind by steps, predictions, errors or an end', async () => {
  const engine = await js();
  const before = tf.memory().numTensors;
  const trainer = await trainerOn(engine, SPEC);
  const graph = network();
  const predictor = await engine.load({ graph, weights: madeUpWeights(graph), ...HALF });
  const step = (rate: number) => trainer.step(batch('same'), targets, [rate, rate]);
  await step(0.01);
  await predictor.run(batch('same'));
  const running = tf.memory();
  for (let i = 0; i < 20; i++) await step(0.01);
  for (let i = 0; i < 20; i++) await predictor.run(batch('same'));
  assert.equal(tf.memory().numTensors, running.numTensors);
  assert.equal(tf.memory().numBytes, running.numBytes);
  await assert.rejects(trainer.step(batch('same'), { classes: [0, 9, 0, 0] }, [0.1, 0.1]), {
    code: 'LABELS_INVALID',
  });
  await step(1e30);
  const unharmed = await trainer.weights();
  await assert.rejects(step(1e30), { code: 'TRAINING_DIVERGED' });
  assert.deepEqual(await trainer.weights(), unharmed);
  assert.equal(tf.memory().numTensors, running.numTensors);
  await trainer.dispose();
  await predictor.dispose();
  assert.equal(tf.memory().numTensors, before);
});

test('a state of another network is refused, and nothing moves', async () => {
  const trainer = await trainerOn(await js(), SPEC);
  const { step, tensors } = await trainer.state();
  const fewer = new Map([...tensors].slice(1));
  await assert.rejects(trainer.restore({ step, tensors: fewer }), {
    code: 'CHECKPOINT_INVALID',
    message: /lacks 'conv1\/kernel', training expects \[3,3,3,6\]/,
  });
  await trainer.dispose();
});

test('a weight that is missing, a layer that is not there', async () => {
  const engine: Engine = await js();
  const graph = network();
  const weights = madeUpWeights(graph);
  weights.delete('fc/bias');
  await assert.rejects(engine.load({ graph, weights, ...HALF }), { code: 'MODEL_INVALID' });
  await assert.rejects(
    engine.load({ graph, weights: madeUpWeights(graph), ...HALF }, { outputs: ['layer9'] }),
    /small has no layer 'layer9'/,
  );
});

describe('what can be missing is told with the next command', () => {
  const cases = [
    [
      'libcudart.so.12: cannot open shared object file: No such file',
      /CUDA library libcudart\.so\.12 is missing.*--gpu/,
    ],
    [
      'libtensorflow_cc.so.2: cannot open shared object file',
      /libtensorflow_cc\.so\.2 is missing.*build:tfjs-node/,
    ],
    [
      '/x/tfjs_binding.node: undefined symbol: TFE_NewOp',
      /built against another TensorFlow .*TFE_NewOp.*build:tfjs-node/,
    ],
    ['Module did not self-register', /built for another Node/],
    [
      'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x',
      /without its addon.*build:tfjs-node/,
    ],
    ['something else', /something else\. See: finch doctor/],
  ] as const;
  for (const [message, expected] of cases) {
    test(message.slice(0, 40), () =>
      assert.match(explainLoading('@tensorflow/tfjs-node-gpu', new Error(message)), expected),
    );
  }

  test('a device that TensorFlow.js does not have', async () => {
    await assert.rejects(loadRuntime({ device: 'webgpu' }), {
      code: 'ENGINE_UNAVAILABLE',
      message: /--device webgpu: TensorFlow.js has cuda, cpu, js; for webgpu use --engine onnx/,
    });
  });

  test('why there is no GPU', () => {
    assert.match(
      whyNoGpu("W dso_loader.cc:59] Could not load dynamic library 'libcudnn.so.9'; dlerror")!,
      /libcudnn\.so\.9/,
    );
    assert.match(
      whyNoGpu('I cuda_diagnostics: CUDA_ERROR_NO_DEVICE: no CUDA-capable device')!,
      /no NVIDIA card/,
    );
    assert.match(
      whyNoGpu('E cuda_platform.cc:51] failed call to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)')!,
      /driver is not installed or does not answer.*UNKNOWN ERROR \(303\)/,
    );
    assert.equal(whyNoGpu('all is well'), undefined);
  });
});
