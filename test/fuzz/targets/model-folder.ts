// model-folder.ts: model folders whose topology, manifest, metadata or weights are not what they were.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { outputOfModel } from '../../../src/artefact/model.ts';
import { readModelFolder, verifyModelFolder } from '../../../src/artefact/model-folder.ts';
import { countMultiplyAdds } from '../../../src/graph/cost.ts';
import { inferShapes } from '../../../src/graph/shapes.ts';
import { elementCount } from '../../../src/util/shape.ts';
import { writeSmallModel } from '../../helpers/small-model.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, damagedTree, jsonBytes, pick } from '../mutate.ts';
import { scratchPath } from '../scratch.ts';

interface Sound {
  readonly json: unknown;
  readonly shard: Buffer;
}

let sound: Promise<readonly Sound[]> | undefined;

async function makeSound(): Promise<readonly Sound[]> {
  const folder = scratchPath('sound');
  await writeSmallModel(folder, 'softmax');
  const own = {
    json: JSON.parse(readFileSync(path.join(folder, 'model.json'), 'utf8')) as unknown,
    shard: readFileSync(path.join(folder, 'group1-shard1of1.bin')),
  };
  return [own, own, foreign()];
}

/** A sequential model as other programs write it. */
function foreign(): Sound {
  const layer = (class_name: string, config: object) => ({
    class_name,
    config: { name: class_name.toLowerCase(), ...config },
  });
  const layers = [
    layer('InputLayer', { batch_input_shape: [null, 8, 8, 3] }),
    layer('Rescaling', { scale: 0.00392, offset: 0 }),
    layer('ZeroPadding2D', { padding: [[1, 1], [1, 1]] }),
    layer('SeparableConv2D', { filters: 4, kernel_size: [3, 3], strides: [1, 1], padding: 'same', use_bias: false }),
    layer('LeakyReLU', { alpha: 0.1 }),
    layer('MaxPooling2D', { pool_size: [2, 2], strides: [2, 2], padding: 'valid' }),
    layer('Flatten', {}),
    layer('Dense', { units: 2, activation: 'softmax', use_bias: true }),
  ]; // prettier-ignore
  const weights = [
    ['separableconv2d/depthwise_kernel', [3, 3, 3, 1]], ['separableconv2d/pointwise_kernel', [1, 1, 3, 4]],
    ['dense/kernel', [100, 2]], ['dense/bias', [2]],
  ] as const; // prettier-ignore
  const manifest = weights.map(([name, shape]) => ({ name, shape, dtype: 'float32' }));
  return {
    json: {
      format: 'layers-model',
      modelTopology: {
        keras_version: '2.15.0',
        model_config: { class_name: 'Sequential', config: { name: 'm', layers } },
      },
      weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: manifest }],
    },
    shard: Buffer.alloc(
      weights.reduce((sum, [, shape]) => sum + 4 * elementCount(shape), 0),
      1,
    ),
  };
}

const folder = scratchPath('model');
mkdirSync(folder);

const modelFolder: FuzzTarget = async (rng) => {
  const { json, shard } = pick(rng, await (sound ??= makeSound()));
  const description = jsonBytes(rng.chance(0.95) ? damagedTree(json, rng, 1 + rng.integer(2)) : json, rng);
  const weights = rng.chance(0.1) ? damaged(shard, rng, 1) : shard;
  const isVerified = rng.chance(0.1);
  return {
    bytes: description.length + weights.length,
    read: async () => {
      writeFileSync(path.join(folder, 'model.json'), description);
      writeFileSync(path.join(folder, 'group1-shard1of1.bin'), weights);
      const model = await readModelFolder(folder);
      const shapes = inferShapes(model.graph);
      countMultiplyAdds(model.graph);
      outputOfModel(model);
      for (const shape of shapes.values())
        assert.ok(shape.every((size) => Number.isSafeInteger(size) && size > 0));
      for (const [name, { shape, data }] of model.weights)
        assert.equal(data.length, elementCount(shape), name);
      if (isVerified) await verifyModelFolder(folder);
    },
  };
};

export default modelFolder;
