// bytes.test.ts: networks that are computed with bytes against themselves in float32, and what is not to overflow.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import type { EngineModel, Features } from '../../src/engine/engine.ts';
import { lowerInference } from '../../src/engine/onnx/lower-inference.ts';
import { loadRuntime } from '../../src/engine/onnx/runtime.ts';
import { sessionMaker } from '../../src/engine/onnx/session-maker.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { TrainableEngine } from '../../src/engine/training.ts';
import { readOnnxModel } from '../../src/formats/onnx-model.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Weights } from '../../src/graph/layers.ts';
import { Calibration } from '../../src/quantization/calibration.ts';
import type { Quantization } from '../../src/quantization/quantization.ts';
import { bytePlaces } from '../../src/quantization/units.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIDE = 24;
const pixels = { data: madeUpPixels('bytes', 3 * SIDE, SIDE), count: 3, height: SIDE, width: SIDE };

let engine: TrainableEngine;
before(async () => {
  engine = await createOnnxEngine({ device: 'cpu', threads: 2 });
});

/** All that is computed with bytes, and what stands between: strides, uneven padding, a gate, a batch norm alone. */
function manyLayers(): Graph {
  const b = graphBuilder('many', SIDE);
  const normed = (x: string, name: string) => b.batchNormalization(x, `${name}.bn`);
  let x = b.activation(
    normed(b.conv2d(b.input, 'stem', { filters: 16, kernel: 3, pad: 1 }), 'stem'),
    'a',
    'relu',
  );
  x = b.maxPooling2d(x, 'pool', { kernel: 3, stride: 2, pad: 1 });
  let y = b.activation(normed(b.conv2d(x, 'one', { filters: 32, kernel: 1 }), 'one'), 'b', 'relu6');
  y = b.depthwiseConv2d(y, 'deep', { kernel: 3, pad: 'same', stride: 2 });
  y = b.activation(normed(y, 'deep'), 'c', 'relu6');
  y = normed(b.conv2d(y, 'narrow', { filters: 16, kernel: 1 }), 'narrow');
  const short = normed(b.conv2d(x, 'short', { filters: 16, kernel: 1, stride: 2 }), 'short');
  y = b.activation(b.add('sum', y, short), 'd', 'relu');
  const wide = b.activation(b.conv2d(b.dropout(y, 'drop', 0.1), 'wide', { filters: 16, kernel: 5, pad: 2, groups: 2, bias: true }), 'e', 'relu'); // prettier-ignore
  const pooled = b.maxPooling2d(wide, 'largest', { kernel: 3, stride: 1, pad: 1 });
  y = b.activation(normed(b.concatenate('joined', pooled, y), 'alone'), 'f', 'swish');
  y = b.conv2d(y, 'last', { filters: 16, kernel: 3, pad: 1, dilation: 1 });
  return b.build(b.dense(b.globalAveragePooling2d(y, 'mean'), 'fc', 5));
}

async function quantized(model: EngineModel, bits: Quantization['bits']): Promise<Quantization> {
  const calibration = new Calibration(bytePlaces(model.graph, 'fc'));
  const predictor = await engine.load(model, { outputs: calibration.layers });
  calibration.add(await predictor.run(pixels));
  await predictor.dispose();
  return calibration.quantization('min-max', bits);
}

test('every layer on bytes, and outputs in the middle of them, are near the same in float32', async () => {
  const graph = manyLayers();
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const quantization = await quantized(model, await engine.weightBits!());
  assert.deepEqual([...quantization.means.keys()], ['one', 'deep', 'narrow', 'short', 'wide', 'last']);
  for (const outputs of [['fc'], ['fc', 'pool', 'deep.bn', 'sum', 'drop', 'largest', 'joined', 'last']]) {
    const run = async (how: EngineModel) => {
      const predictor = await engine.load(how, { outputs });
      return predictor.run(pixels).finally(() => predictor.dispose());
    };
    const [exact, other] = [await run(model), await run({ ...model, quantization })];
    outputs.forEach((name, i) => {
      assert.deepEqual(other[i]!.shape, exact[i]!.shape, name);
      assertAllClose(other[i]!.data, exact[i]!.data, { rtol: 0.05 }, name);
    });
    assert.notDeepEqual(other[0]!.data, exact[0]!.data);
  }
});

test('the runtime pools numbers, not bytes, and moves bytes, not numbers', async () => {
  const graph = manyLayers();
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const whole = { ...model, quantization: await quantized(model, await engine.weightBits!()) };
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-bytes-'));
  try {
    const file = path.join(folder, 'made.onnx');
    const maker = sessionMaker({ runtime: await loadRuntime(), device: 'cpu', threads: 1 });
    // Without the operators of this processor, of which other readers know nothing.
    const more = { optimizedModelFilePath: file, graphOptimizationLevel: 'extended', session: {} };
    const session = await maker.create(lowerInference(whole), whole, more);
    await session.release();
    const { nodes } = await readOnnxModel(file);
    const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node.op] as const)));
    const sources = (op: string) => nodes.filter((node) => node.op === op).map(({ inputs }) => makers.get(inputs[0]!)); // prettier-ignore
    assert.ok(sources('QuantizeLinear').length > 0);
    assert.ok(!sources('QuantizeLinear').includes('Transpose'));
    assert.ok(!sources('MaxPool').includes('QuantizeLinear'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** One convolution of weights 1 on inputs of 1: every byte and every weight is the largest. */
async function largestOfAll(kind: 'conv2d' | 'depthwiseConv2d', channels: number): Promise<void> {
  const b = graphBuilder('largest', 8);
  const x = b.conv2d(b.input, 'stem', { filters: channels, kernel: 1, bias: true });
  const graph = b.build(
    kind === 'conv2d' ? b.conv2d(x, 'conv', { filters: channels, kernel: 3 }) : b.depthwiseConv2d(x, 'conv', { kernel: 3 }), // prettier-ignore
  );
  const weights: Weights = new Map(
    [...madeUpWeights(graph)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map(() => (name === 'stem/kernel' ? 0 : 1)) },
    ]),
  );
  const sum = 9 * (kind === 'conv2d' ? channels : 1);
  const ranges = new Map([
    ['stem', { low: 0, high: 1 }],
    ['conv', { low: 0, high: sum }],
  ]);
  const means = new Map([['conv', new Float32Array(channels).fill(1)]]);
  const bits = await engine.weightBits!();
  const predictor = await engine.load({ graph, weights, ...HALF, quantization: { bits, ranges, means } });
  const [tensor] = await predictor.run({ data: new Uint8Array(8 * 8 * 3), count: 1, height: 8, width: 8 });
  await predictor.dispose();
  assertAllClose(tensor!.data, new Float32Array(tensor!.data.length).fill(sum), { rtol: 1e-3 }, kind);
}

test('sums of the largest bytes and weights are not cut off', async () => {
  await largestOfAll('conv2d', 64);
  await largestOfAll('depthwiseConv2d', 64);
});

test('a vector network has no bytes, and is unchanged by a quantization', async () => {
  const graph: Graph = {
    name: 'head',
    input: 'x',
    output: 'fc',
    layers: [
      { kind: 'input', name: 'x', inputs: [], shape: [4] },
      { kind: 'dense', name: 'fc', inputs: ['x'], units: 3, useBias: true },
    ],
  };
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const quantization = { bits: 7, ranges: new Map(), means: new Map() } as const;
  const features: Features = { data: Float32Array.of(1, 2, 3, 4), count: 1 };
  const run = async (how: EngineModel) => {
    const predictor = await engine.load(how);
    return predictor.run(features).finally(() => predictor.dispose());
  };
  assert.deepEqual(await run({ ...model, quantization }), await run(model));
});
