// Convolutions that WebGPU's provider computes wrongly are written with more channels or filters. Here the CPU computes both forms:
// they give the same. That the device then agrees with the CPU is tested on SwiftShader, in webgpu-convolution.slow.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRuntime } from '../../src/engine/onnx/runtime.ts';
import { encodeFor } from '../../src/engine/onnx/widened.ts';
import type { WrittenGraph } from '../../src/formats/onnx-writer.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

const SIZE = 7;

const made = (count: number, step: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * step));

function convolution(channels: number, filters: number, group: number, kernel = 3): WrittenGraph {
  const shape = [filters, channels / group, kernel, kernel];
  const constant = (name: string, sizes: readonly number[], step: number) => {
    const values = made(sizes.reduce((a, b) => a * b, 1), step); // prettier-ignore
    return { name, type: 'float32' as const, shape: sizes, content: new Uint8Array(values.buffer) };
  };
  return {
    name: 'convolution',
    nodes: [{ op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { group } }],
    initializers: [constant('w', shape, 0.7), constant('b', [filters], 1.3)],
    inputs: [{ name: 'x', type: 'float32', shape: [2, channels, SIZE, SIZE] }],
    outputs: [{ name: 'y', type: 'float32', shape: [2, filters, SIZE - kernel + 1, SIZE - kernel + 1] }],
  };
}

async function run(model: Uint8Array, channels: number): Promise<Float32Array> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(model);
  const x = new Tensor('float32', made(2 * channels * SIZE * SIZE, 0.31), [2, channels, SIZE, SIZE]);
  const { y } = await session.run({ x });
  await session.release();
  return y!.data as Float32Array;
}

const WRONG_ON_WEBGPU = [
  [6, 8, 1],
  [9, 16, 1],
  [30, 12, 1],
  [4, 12, 2],
  [8, 10, 2],
  [12, 24, 4],
] as const;

for (const [channels, filters, group] of WRONG_ON_WEBGPU) {
  for (const opset of [17, 10]) {
    test(`${channels} channels to ${filters} filters in ${group} groups, opset ${opset}: the wider form gives the same`, async () => {
      const graph = convolution(channels, filters, group);
      const header = { opsets: new Map([['', opset]]) };
      const plain = encodeFor('cpu', graph, header);
      const wide = encodeFor('webgpu', graph, header);
      assert.notDeepEqual(wide, plain);
      assertAllClose(await run(wide, channels), await run(plain, channels), { rtol: 1e-5, atol: 1e-5 });
    });
  }
}

test('convolutions that the provider computes rightly are written as they are', () => {
  for (const [channels, filters, group, kernel] of [[3, 8, 1, 3], [8, 8, 1, 3], [6, 7, 1, 3], [6, 8, 1, 1], [12, 12, 3, 3], [16, 16, 2, 3], [8, 8, 8, 3]] as const) {
    const graph = convolution(channels, filters, group, kernel);
    assert.deepEqual(encodeFor('webgpu', graph), encodeFor('cpu', graph), `${channels} to ${filters}`);
  } // prettier-ignore
});
