// Nothing grows over 1,000 steps and 10,000 predictions on tfjs-node: neither tensors nor the process.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTfjsEngine } from '../../src/engine/tfjs/session.ts';
import { loadRuntime } from '../../src/engine/tfjs/runtime.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { tfjsNodeMissing } from '../helpers/tfjs-node.ts';

const SIZE = 16;
const COUNT = 4;
const GROWTH_MIB = 64;

test('memory is flat', { skip: await tfjsNodeMissing() }, async () => {
  const b = graphBuilder('small', SIZE);
  let x = b.conv2d(b.input, 'conv', { filters: 16, kernel: 3, stride: 2, pad: 1 });
  x = b.dropout(b.activation(b.batchNormalization(x, 'bn'), 'relu', 'relu'), 'drop', 0.2);
  const graph = b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', 3));
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const { tf } = await loadRuntime({ device: 'cpu' });
  const engine = await createTfjsEngine({ device: 'cpu' });
  const trainer = await engine.trainer(model, {
    batchSize: COUNT,
    loss: { kind: 'cross-entropy' },
    optimizer: { kind: 'adamw', weightDecay: 0.01 },
    clipNorm: 1,
    accumulate: 2,
  });
  const predictor = await engine.load(model);
  const data = new Uint8Array(
    Buffer.concat(Array.from({ length: COUNT }, (_, i) => madeUpPixels(`memory ${i}`, SIZE, SIZE))),
  );
  const batch = { data, count: COUNT, height: SIZE, width: SIZE };
  const work = async (steps: number, predictions: number) => {
    for (let i = 0; i < steps; i++) await trainer.step(batch, { classes: [0, 1, 2, 0] }, [1e-3]);
    for (let i = 0; i < predictions; i++) await predictor.run(batch);
  };
  await work(100, 1000);
  const [tensors, resident] = [tf.memory().numTensors, process.memoryUsage().rss];
  await work(1000, 10_000);
  assert.equal(tf.memory().numTensors, tensors);
  const grown = (process.memoryUsage().rss - resident) / 2 ** 20;
  assert.ok(grown < GROWTH_MIB, `the process grew by ${grown.toFixed(0)} MiB`);
  await trainer.dispose();
  await predictor.dispose();
});
