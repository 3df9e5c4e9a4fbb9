// Real pictures, every optimizer: 64 photos of birds are learnt by heart.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { Optimizer } from '../../src/engine/training.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpWeights } from '../helpers/made-up-model.ts';
import { sharedData } from '../helpers/shared-data.ts';

const COUNT = 64;
const BATCH = 16;
const SIZE = 96;
const MAX_EPOCHS = 30;

const OPTIMIZERS: readonly (readonly [Optimizer, number])[] = [
  [{ kind: 'sgd' }, 0.05],
  [{ kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 1e-4 }, 0.02],
  [{ kind: 'adam' }, 1e-3],
  [{ kind: 'adamw', weightDecay: 0.01, decays: 'kernels' }, 1e-3],
];

const birds = sharedData('birds', 'train');

for (const [optimizer, rate] of OPTIMIZERS) {
  test(`64 birds with ${JSON.stringify(optimizer)}`, { skip: birds.skip }, async () => {
    const { default: sharp } = await import('sharp');
    const folders = readdirSync(birds.file).toSorted();
    const data = new Uint8Array(COUNT * SIZE * SIZE * 3);
    const classes: number[] = [];
    for (let i = 0; i < COUNT; i++) {
      const folder = path.join(birds.file, folders[i % folders.length]!);
      const file = path.join(folder, readdirSync(folder).toSorted()[Math.floor(i / folders.length)]!);
      const pixels = await sharp(file).resize(SIZE, SIZE, { fit: 'fill' }).removeAlpha().toColourspace('srgb').raw().toBuffer(); // prettier-ignore
      data.set(pixels, i * SIZE * SIZE * 3);
      classes.push(i % folders.length);
    }
    const shipped = await readModelFolder(path.join(PACKAGE_ROOT, 'models', 'efficientnet_lite0'));
    const graph = findArchitecture('efficientnet_lite0').build(folders.length);
    const weights = new Map(madeUpWeights(graph));
    for (const [name, weight] of shipped.weights) if (!name.startsWith('fc/')) weights.set(name, weight);
    const { mean, std } = shipped.preprocessing!;
    const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
    const trainer = await engine.trainer(
      { graph, weights, mean, std },
      { size: [SIZE, SIZE], batchSize: BATCH, loss: { kind: 'cross-entropy' }, optimizer },
    );
    let right = 0;
    for (let epoch = 0; epoch < MAX_EPOCHS && right < COUNT; epoch++) {
      right = 0;
      for (let from = 0; from < COUNT; from += BATCH) {
        const bytes = SIZE * SIZE * 3;
        const batch = {
          data: data.subarray(from * bytes, (from + BATCH) * bytes),
          count: BATCH,
          height: SIZE,
          width: SIZE,
        };
        const wanted = classes.slice(from, from + BATCH);
        const { logits } = await trainer.step(batch, { classes: wanted }, [rate]);
        right += wanted.filter((c, i) => {
          const row = [...logits.data.subarray(i * folders.length, (i + 1) * folders.length)];
          return row.indexOf(Math.max(...row)) === c;
        }).length;
      }
    }
    await trainer.dispose();
    assert.equal(right, COUNT);
  });
}
