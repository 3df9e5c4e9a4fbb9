// Convolutions of many numbers of channels, filters, groups and pictures on WebGPU (SwiftShader, a Vulkan driver in software): logits
// and a training step are the CPU's. onnxruntime's provider computes some of them wrongly: see widened.ts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { softwareVulkan } from '../helpers/vulkan.ts';

const vulkan = softwareVulkan();
const SIZE = 12;

/** Pictures, channels, filters, groups, and the side of the kernel. */
type Case = readonly [number, number, number, number, number];

const CASES: readonly Case[] = [
  ...[1, 2, 3, 5, 6, 7, 9, 12, 15].flatMap((channels) => [5, 6, 8].map((filters): Case => [1, channels, filters, 1, 3])),
  ...[2, 3, 4].flatMap((groups) => [1, 3, 4, 5, 6, 10].map((each): Case => [1, 4 * groups, each * groups, groups, 3])),
  [1, 6, 8, 1, 1],
  [1, 6, 8, 1, 2],
  [1, 12, 12, 2, 1],
  // The first kernel's gradient is a convolution whose channels are the pictures.
  ...[6, 9, 30].map((pictures): Case => [pictures, 8, 8, 1, 3]),
  [3, 20, 20, 2, 3],
  [6, 12, 12, 2, 3],
]; // prettier-ignore

/** The child runs the cases on one device and no tests. */
const device = process.env['FINCH_TEST_CHILD'] as 'cpu' | 'webgpu' | undefined;

if (device === undefined) {
  test(`${CASES.length} convolutions on WebGPU are the CPU's`, { skip: vulkan.skip }, () => {
    const [expected, actual] = (['cpu', 'webgpu'] as const).map(onDevice) as [Numbers, Numbers];
    assert.equal(actual.length, CASES.length);
    const wrong = CASES.flatMap((sizes, i) => {
      const scale = Math.max(...expected[i]!.map(Math.abs));
      const off = Math.max(...expected[i]!.map((x, j) => Math.abs(x - actual[i]![j]!))) / scale;
      return off < 1e-3 ? [] : [`${sizes.join(' ')}: ${off}`];
    });
    assert.deepEqual(wrong, []);
  });
} else {
  const engine = await createOnnxEngine({ device });
  const results: number[][] = [];
  for (const sizes of CASES) results.push(await numbersOf(engine, sizes));
  // A driver that hangs while it is being released must not keep the answer.
  process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
}

type Numbers = readonly (readonly number[])[];

function onDevice(name: string): Numbers {
  // The driver is chosen when the process starts, and it may take the process with it.
  const env = { ...vulkan.env, FINCH_TEST_CHILD: name };
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], { env, encoding: 'utf8', maxBuffer: 2 ** 26 }); // prettier-ignore
  assert.equal(child.status, 0, child.stderr.slice(-2000));
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!) as Numbers;
}

/** One picture: logits. Several: by how much a step moved the first weights of each kernel, which is their gradient. */
async function numbersOf(
  engine: Awaited<ReturnType<typeof createOnnxEngine>>,
  [count, channels, filters, groups, kernel]: Case,
): Promise<number[]> {
  const b = graphBuilder('convolution', SIZE);
  const x = b.conv2d(b.input, 'a', { filters: channels, kernel: 3 });
  const y = b.conv2d(x, 'c', { filters, kernel, groups });
  const graph = b.build(b.dense(b.globalAveragePooling2d(y, 'mean'), 'fc', 4));
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const data = Buffer.concat(
    Array.from({ length: count }, (_, i) => madeUpPixels(`picture ${i}`, SIZE, SIZE)),
  );
  const batch = { data: new Uint8Array(data), count, height: SIZE, width: SIZE };
  if (count === 1) {
    const predictor = await engine.load(model, { outputs: ['c'] });
    return [...(await predictor.run(batch))[0]!.data];
  }
  const trainer = await engine.trainer(model, {
    batchSize: count,
    loss: { kind: 'cross-entropy' },
    optimizer: { kind: 'sgd', momentum: 0 },
  });
  await trainer.step(batch, { classes: Array.from({ length: count }, (_, i) => i % 4) }, [1]);
  const trained = await trainer.weights();
  return [...model.weights].flatMap(([name, { data: before }]) =>
    Array.from(before.subarray(0, 200), (value, i) => trained.get(name)!.data[i]! - value),
  );
}
