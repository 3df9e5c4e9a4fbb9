// Training on a GPU's interface without a GPU: the WebGPU provider on SwiftShader, a Vulkan driver in software. The same steps as on
// the CPU, and every operator of them on the device.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { trainGolden, TRAINING_GOLDEN } from '../helpers/training-golden.ts';

/** Where Debian's chromium-common has it. */
const DEBIAN_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';
const icd = process.env['VK_ICD_FILENAMES'] ?? (existsSync(DEBIAN_ICD) ? DEBIAN_ICD : undefined);
const skip =
  icd === undefined && 'needs a Vulkan driver: VK_ICD_FILENAMES, or SwiftShader from chromium-common';

const SIZE = 32;
const COUNT = 2;
const STEPS = 2;

for (const network of ['resnet18', 'efficientnet_lite0']) {
  test(`${network}: steps on WebGPU are the CPU's, and stay on the device`, { skip }, async () => {
    // The driver is chosen when the process starts, and it may take the process with it.
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), network],
      {
        env: { ...process.env, VK_ICD_FILENAMES: icd, FINCH_TEST_CHILD: '1' },
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      },
    );
    assert.equal(status, 0, stderr.slice(-2000));
    const { losses, weights } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report;
    const expected = await train('cpu', network);
    assertAllClose(losses, expected.losses, { rtol: 1e-3 }, 'losses');
    for (const [name, { data }] of expected.weights) {
      assertAllClose(weights[name]!, data, { rtol: 1e-3, atol: 1e-6 }, name);
    }
  });
}

interface Report {
  readonly losses: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

async function train(device: 'cpu' | 'webgpu', network: string) {
  const run = TRAINING_GOLDEN.runs.find(
    (golden) => golden.network === network && golden.optimizer === 'sgd',
  )!;
  return trainGolden(
    await createOnnxEngine({ device, onlyOnDevice: device !== 'cpu' }),
    { ...run, losses: run.losses.slice(0, STEPS) },
    { size: [SIZE, SIZE], batchSize: COUNT },
  );
}

if (process.env['FINCH_TEST_CHILD'] !== undefined) {
  const { losses, weights } = await train('webgpu', process.argv[2]!);
  const numbers = Object.fromEntries([...weights].map(([name, { data }]) => [name, [...data]]));
  process.stdout.write(`${JSON.stringify({ losses, weights: numbers })}\n`);
}
