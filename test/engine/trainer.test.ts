// The trainer as its users meet it: heads on vectors, the last batch of an epoch, accumulation, clipping, groups, checkpoints, faults.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { selectEngine } from '../../src/engine/select.ts';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { checkMemory, trainingMemory } from '../../src/engine/onnx/memory.ts';
import type { Targets, TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { AppError } from '../../src/util/errors.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { fnv1a, madeUpPixels, uniform } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIZE = 12;
const CLASSES = 3;

/** Two convolutions, without and with batch norm, and dropout. */
function small({ norm = false, dropout = 0 } = {}): Graph {
  const b = graphBuilder('small', SIZE);
  let x = b.conv2d(b.input, 'backbone.conv1', { filters: 8, kernel: 3, stride: 2, bias: true });
  if (norm) x = b.batchNormalization(x, 'backbone.bn1');
  x = b.activation(x, 'backbone.relu', 'relu');
  x = b.conv2d(x, 'backbone.conv2', { filters: 16, kernel: 3, bias: true });
  x = b.dropout(b.globalAveragePooling2d(x, 'avgpool'), 'dropout', dropout);
  return b.build(b.dense(x, 'fc', CLASSES));
}

const SPEC: TrainSpec = { batchSize: 4, loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' } };

async function trainerFor(graph: Graph, more: Partial<TrainSpec> = {}) {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  return engine.trainer({ graph, weights: madeUpWeights(graph), ...HALF }, { ...SPEC, ...more });
}

/** Pictures `from` to `to` of one made-up series, and their classes. */
function pictures(from: number, to: number) {
  const count = to - from;
  const list = Array.from({ length: count }, (_, i) => madeUpPixels(`trainer ${from + i}`, SIZE, SIZE));
  const batch = { data: new Uint8Array(Buffer.concat(list)), count, height: SIZE, width: SIZE };
  return [batch, { classes: list.map((_, i) => (from + i) % CLASSES) }] as const;
}

describe('a head on vectors', () => {
  const width = 40;
  const graph: Graph = {
    name: 'head',
    layers: [
      { kind: 'input', name: 'features', inputs: [], shape: [width] },
      { kind: 'dropout', name: 'dropout', inputs: ['features'], rate: 0.1 },
      { kind: 'dense', name: 'fc', inputs: ['dropout'], units: 5, useBias: true },
    ],
    input: 'features',
    output: 'fc',
  };

  test('learns, and tells the loss on the way', async () => {
    const trainer = await trainerFor(graph, { batchSize: 64, optimizer: { kind: 'adam' } });
    const data = Float32Array.from({ length: 64 * width }, (_, i) => uniform(fnv1a('head'), i) - 0.5);
    const classes = Array.from({ length: 64 }, (_, i) => i % 5);
    classes.forEach((c, i) => (data[i * width + c]! += 1));
    let loss = 0;
    for (let i = 0; i < 200; i++) ({ loss } = await trainer.step({ data, count: 64 }, { classes }, [0.05]));
    assert.ok(loss < 0.3, `${loss}`);
    // The predictor takes the same vectors.
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights: await trainer.weights(), ...HALF });
    const [logits] = await predictor.run({ data, count: 64 });
    const right = classes.filter((c, i) => {
      const row = [...logits!.data.subarray(i * 5, i * 5 + 5)];
      return row.indexOf(Math.max(...row)) === c;
    });
    assert.equal(right.length, 64);
    await predictor.dispose();
    await trainer.dispose();
  });
});

describe('a fixed batch norm prepares pictures and never changes', () => {
  const fixed = (graph: Graph): Graph => ({
    ...graph,
    layers: graph.layers.map((layer) =>
      layer.kind === 'batchNormalization' ? { ...layer, isFixed: true } : layer,
    ),
  });
  const b = graphBuilder('prepared', SIZE);
  let x = b.batchNormalization(b.input, 'front');
  x = b.batchNormalization(b.conv2d(x, 'conv', { filters: 16, kernel: 3, stride: 3, bias: true }), 'inside');
  x = b.conv2d(x, 'conv2', { filters: 16, kernel: 3, bias: true });
  const learning = b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', CLASSES));
  const spec: TrainSpec = { ...SPEC, clipNorm: 1, optimizer: { kind: 'adamw', weightDecay: 0.1 } };
  for (const device of ['cpu', 'js'] as const) {
    test(`on ${device}`, async () => {
      const engine = await selectEngine({ engine: 'auto', device });
      const step = async (graph: Graph, batchNorm: 'train' | 'frozen') => {
        const trainer = await engine.trainer(
          { graph, weights: madeUpWeights(graph), ...HALF },
          { ...spec, batchNorm },
        );
        const { loss } = await trainer.step(...pictures(0, 4), [0.1]);
        const weights = await trainer.weights();
        await trainer.dispose();
        return { loss, weights };
      };
      const [expected, found] = [await step(learning, 'frozen'), await step(fixed(learning), 'train')];
      assertAllClose([found.loss], [expected.loss], { rtol: 1e-5 });
      const before = madeUpWeights(learning);
      for (const norm of ['front', 'inside']) {
        for (const role of ['gamma', 'beta', 'moving_mean', 'moving_variance']) {
          assert.deepEqual(found.weights.get(`${norm}/${role}`), before.get(`${norm}/${role}`));
        }
      }
      assert.notDeepEqual(found.weights.get('conv/kernel'), before.get('conv/kernel'));
    });
  }
});

test('the last batch of an epoch may be smaller, and a mean is a mean', async () => {
  const [a, b] = [await trainerFor(small()), await trainerFor(small(), { batchSize: 3 })];
  await a.step(...pictures(0, 4), [0.1]);
  await b.step(...pictures(0, 4), [0.1]);
  const [x, y] = [await a.step(...pictures(4, 7), [0.1]), await b.step(...pictures(4, 7), [0.1])];
  assertAllClose([x.loss], [y.loss], { rtol: 1e-6 });
  assert.deepEqual(x.logits.shape, [3, CLASSES]);
  await a.dispose();
  await b.dispose();
});

test('accumulated gradients are those of the whole batch', async () => {
  const whole = await trainerFor(small(), { batchSize: 6, clipNorm: 0.05 });
  const parts = await trainerFor(small(), { batchSize: 2, accumulate: 3, clipNorm: 0.05 });
  for (let step = 0; step < 2; step++) {
    const { gradNorm } = await whole.step(...pictures(0, 6), [0.1]);
    const results = [];
    for (const [from, to] of [[0, 2], [2, 4], [4, 6]] as const) results.push(await parts.step(...pictures(from, to), [0.1])); // prettier-ignore
    assert.equal(results[0]!.gradNorm, undefined);
    assertAllClose([results[2]!.gradNorm!], [gradNorm!], { rtol: 1e-4 });
  }
  const [a, b] = [await whole.weights(), await parts.weights()];
  for (const [name, { data }] of a) assertAllClose(b.get(name)!.data, data, { rtol: 1e-5 }, name);
  await whole.dispose();
  await parts.dispose();
});

test('parameter groups have rates of their own, and what is before trainFrom stays', async () => {
  const graph = small({ norm: true });
  const before = madeUpWeights(graph);
  const trainer = await trainerFor(graph, { trainFrom: 'backbone.conv2', groups: [['fc']] });
  await trainer.step(...pictures(0, 4), [0, 0.1]);
  const after = await trainer.weights();
  const moved = [...before.keys()].filter((name) => !Buffer.from(after.get(name)!.data.buffer).equals(Buffer.from(before.get(name)!.data.buffer))); // prettier-ignore
  assert.deepEqual(moved, ['fc/kernel', 'fc/bias']);
  await assert.rejects(trainer.step(...pictures(0, 4), [0.1]), /1 learning rates for 2 parameter groups/);
  await trainer.dispose();
  await assert.rejects(trainerFor(graph, { trainFrom: 'layer9' }), /no layer or module 'layer9'.*backbone/);
});

test('a checkpoint goes on bit for bit, masks of dropout included', async () => {
  const graph = small({ norm: true, dropout: 0.5 });
  const more: Partial<TrainSpec> = { optimizer: { kind: 'adamw', weightDecay: 0.1 }, accumulate: 2, seed: 3 };
  const [a, b] = [await trainerFor(graph, more), await trainerFor(graph, { ...more, seed: 3 })];
  for (let i = 0; i < 3; i++) await a.step(...pictures(i, i + 4), [0.01]);
  await b.restore(await a.state());
  for (let i = 3; i < 6; i++) {
    const [x, y] = [await a.step(...pictures(i, i + 4), [0.01]), await b.step(...pictures(i, i + 4), [0.01])];
    assert.equal(x.loss, y.loss);
  }
  const [x, y] = [await a.state(), await b.state()];
  assert.equal(x.step, 6);
  for (const [name, { data }] of x.tensors) assert.deepEqual(data, y.tensors.get(name)!.data, name);
  const other = await trainerFor(graph);
  await other.dispose();
  await assert.rejects(
    (await trainerFor(small(), more)).restore({ step: 0, tensors: new Map() }),
    (error: AppError) =>
      error.code === 'CHECKPOINT_INVALID' && /lacks 'backbone.conv1\/kernel'/.test(error.message),
  );
  await a.dispose();
  await b.dispose();
});

test('targets that do not fit are refused before anything moves', async () => {
  const trainer = await trainerFor(small());
  const [batch] = pictures(0, 4);
  const wrong: readonly (readonly [Targets, RegExp])[] = [
    [{ classes: [0, 1, 2, 3] }, /class 3 for sample 3, expected whole numbers from 0 to 2/],
    [{ classes: [0, 1] }, /received 2 classes, expected 4/],
    [{ probabilities: new Float32Array(12).fill(1.5) }, /the probability 1.5/],
  ];
  for (const [targets, message] of wrong) {
    await assert.rejects(trainer.step(batch, targets, [0.1]), (error: AppError) => {
      assert.match(error.message, message);
      return error.code === 'LABELS_INVALID';
    });
  }
  assert.equal((await trainer.state()).step, 0);
  await trainer.dispose();
});

test('a loss that is no number stops the run and leaves the weights', async () => {
  const trainer = await trainerFor(small());
  await trainer.step(...pictures(0, 4), [1e30]);
  const before = await trainer.weights();
  await assert.rejects(trainer.step(...pictures(0, 4), [0.5]), (error: AppError) => {
    assert.match(error.message, /the loss became (NaN|Infinity) in step 2 at learning rate 0.5/);
    return error.code === 'TRAINING_DIVERGED';
  });
  const after = await trainer.weights();
  for (const [name, { data }] of before) assert.deepEqual(after.get(name)!.data, data);
  await trainer.dispose();
});

describe('a kernel so large that steps overwrite it', () => {
  const [width, units] = [1024, 4200];
  const graph: Graph = {
    name: 'large',
    layers: [
      { kind: 'input', name: 'features', inputs: [], shape: [width] },
      { kind: 'dense', name: 'first', inputs: ['features'], units: 8, useBias: true },
      { kind: 'dense', name: 'wide', inputs: ['first'], units, useBias: true },
      { kind: 'activation', name: 'relu', inputs: ['wide'], activation: 'relu' },
      { kind: 'dense', name: 'large', inputs: ['relu'], units: width, useBias: true },
      { kind: 'dense', name: 'fc', inputs: ['large'], units: 5, useBias: true },
    ],
    input: 'features',
    output: 'fc',
  };
  const data = Float32Array.from({ length: 4 * width }, (_, i) => uniform(fnv1a('large'), i) - 0.5);
  const step = [{ data, count: 4 }, { classes: [0, 1, 2, 3] }] as const;
  const optimizers = [
    { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 },
    // Where gradients are nearly 0, a smaller epsilon would make steps of their rounding.
    { kind: 'adamw', weightDecay: 0.01, epsilon: 1e-3 },
  ] as const;

  for (const optimizer of optimizers) {
    test(`${optimizer.kind}: learns as in JavaScript`, async () => {
      const model = { graph, weights: madeUpWeights(graph), ...HALF };
      const engines = [await createOnnxEngine({ device: 'cpu' }), await createTfjsEngine({ device: 'js' })];
      const [onnx, js] = await Promise.all(
        engines.map(async (engine) => {
          const trainer = await engine.trainer(model, { ...SPEC, optimizer });
          for (let i = 0; i < 2; i++) await trainer.step(...step, [1e-3]);
          const weights = await trainer.weights();
          await trainer.dispose();
          return weights;
        }),
      );
      for (const name of ['first/kernel', 'wide/kernel', 'large/kernel']) {
        assertAllClose(onnx!.get(name)!.data, js!.get(name)!.data, { atol: 1e-5 }, name);
      }
    });

    test(`${optimizer.kind}: a loss that is no number leaves it`, async () => {
      const trainer = await trainerFor(graph, { optimizer });
      await trainer.step(...step, [1e38]);
      const before = await trainer.weights();
      await assert.rejects(trainer.step(...step, [1e38]), { code: 'TRAINING_DIVERGED' });
      const after = await trainer.weights();
      for (const [name, { data: kept }] of before) assert.deepEqual(after.get(name)!.data, kept);
      await trainer.dispose();
    });
  }
});

test('a layer of an unknown kind is named with its kind', async () => {
  const { layers, ...graph } = small();
  const odd = layers.map((layer) => (layer.name === 'avgpool' ? { ...layer, kind: 'softplus' } : layer));
  await assert.rejects(trainerFor({ ...graph, layers: odd } as Graph), (error: AppError) => {
    assert.match(error.message, /^layer 'avgpool' \(softplus\) is of a kind that finch does not know$/);
    return error.code === 'MODEL_INVALID';
  });
});

test('a batch that does not fit into memory is refused with the estimate and one that does', () => {
  const graph = small();
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const spec = { ...SPEC, size: [512, 512] as const, batchSize: 4096 };
  const needed = trainingMemory(model, spec);
  assert.ok(needed > 20 * 2 ** 30);
  assert.throws(
    () => checkMemory(model, spec, 2 ** 30),
    (error: AppError) =>
      error.code === 'OUT_OF_MEMORY' &&
      /takes about [\d.]+ GiB.*1\.0 GiB are free.*--batch-size \d+/.test(error.message),
  );
  checkMemory(model, spec, needed);
});
