// Training on a GPU's interface without a GPU: the WebGPU provider on SwiftShader, a Vulkan driver in software. The same steps as on
// the CPU, and every operator of them on the device.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { Weights } from '../../src/graph/layers.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { trainGolden, TRAINING_GOLDEN } from '../helpers/training-golden.ts';
import { softwareVulkan } from '../helpers/vulkan.ts';

const vulkan = softwareVulkan();

const SIZE = 32;
// With fewer, batch norm over the one place that is left at the end has next to nothing to divide by.
const COUNT = 4;
const STEPS = 2;

/** The child runs one network and no tests. */
const isChild = process.env['FINCH_TEST_CHILD'] !== undefined;

for (const network of isChild ? [] : ['resnet18', 'efficientnet_lite0']) {
  test(
    `${network}: steps on WebGPU are the CPU's, and stay on the device`,
    { skip: vulkan.skip },
    async () => {
      // The driver is chosen when the process starts, and it may take the process with it.
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), network],
        {
          env: { ...vulkan.env, FINCH_TEST_CHILD: '1' },
          encoding: 'utf8',
          maxBuffer: 2 ** 26,
        },
      );
      assert.equal(status, 0, stderr.slice(-2000));
      const { losses, weights } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report;
      const expected = await train('cpu', network);
      assertAllClose(losses, expected.losses, { rtol: 1e-3 }, 'losses');
      for (const [name, numbers] of Object.entries(samples(expected.weights))) {
        assertAllClose(weights[name]!, numbers, { rtol: 1e-3, atol: 1e-6 }, name);
      }
    },
  );
}

interface Report {
  readonly losses: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

/** Some hundred numbers of each weight: a pipe is no place for millions. */
function samples(weights: Weights): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    [...weights].map(([name, { data }]) => {
      const stride = Math.ceil(data.length / 200);
      return [name, Array.from(data.filter((_, i) => i % stride === 0))];
    }),
  );
}

/**
 * EfficientNet-Lite0 keeps its running statistics: with those of a few small pictures every block multiplies rounding errors, and
 * two exact float32 implementations are percents apart after a step (PyTorch's are from its float64).
 */
async function train(device: 'cpu' | 'webgpu', network: string) {
  const isFrozen = network === 'efficientnet_lite0';
  const run = TRAINING_GOLDEN.runs.find(
    (golden) =>
      golden.network === network &&
      golden.optimizer === 'sgd' &&
      (golden.frozen ?? false) === isFrozen &&
      golden.trainFrom === undefined,
  )!;
  return trainGolden(
    await createOnnxEngine({ device, onlyOnDevice: device !== 'cpu' }),
    { ...run, losses: run.losses.slice(0, STEPS) },
    { size: [SIZE, SIZE], batchSize: COUNT },
  );
}

if (isChild) {
  const { losses, weights } = await train('webgpu', process.argv[2]!);
  process.stdout.write(`${JSON.stringify({ losses, weights: samples(weights) })}\n`);
}
