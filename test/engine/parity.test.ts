// The suite that every engine passes: the same graphs, the same pixels, the same numbers. The reference is the portable
// definition of each layer in TensorFlow.js; what an engine makes faster must not make it different.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Engine } from '../../src/engine/engine.ts';
import { graphBuilder, type GraphBuilder } from '../../src/graph/builder.ts';
import { ACTIVATIONS, type Graph, type Layer, type Padding } from '../../src/graph/layers.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { parityEngines } from '../helpers/parity-engines.ts';

const ENGINES = parityEngines();

/** A graph of the given layers in a row, behind a 3x3 convolution to `channels`. */
function chain(size: number, ...layers: readonly Layer[]): Graph {
  const b = graphBuilder('chain', size);
  b.conv2d(b.input, 'first', { filters: 4, kernel: 3, pad: 'same' });
  const graph = b.build('first');
  return { ...graph, layers: [...graph.layers, ...layers], output: layers.at(-1)?.name ?? 'first' };
}

/** The same with layers from a builder. */
function built(size: number, make: (b: GraphBuilder, from: string) => string): Graph {
  const b = graphBuilder('built', size);
  return b.build(make(b, b.conv2d(b.input, 'first', { filters: 4, kernel: 3, pad: 'same' })));
}

const one = (from: string): readonly [string] => [from];

const GRAPHS: Readonly<Record<string, Graph>> = {
  ...Object.fromEntries(
    ACTIVATIONS.map((activation) => [
      `activation ${activation}`,
      chain(9, { kind: 'activation', name: 'a', inputs: one('first'), activation }),
    ]),
  ),
  'batch norm that follows no convolution': chain(
    8,
    { kind: 'activation', name: 'r', inputs: one('first'), activation: 'relu' },
    {
      kind: 'batchNormalization',
      name: 'bn',
      inputs: one('r'),
      epsilon: 1e-3,
      momentum: 0.9,
      center: true,
      scale: false,
    },
  ),
  'max pooling padded after something that can be negative': chain(
    8,
    { kind: 'zeroPadding2d', name: 'p', inputs: one('first'), pad: { top: 1, bottom: 0, left: 2, right: 1 } },
    {
      kind: 'maxPooling2d',
      name: 'm',
      inputs: one('p'),
      poolSize: [3, 3],
      strides: [2, 2],
      padding: 'valid',
    },
  ),
  'average pooling, same': chain(9, {
    kind: 'averagePooling2d',
    name: 'v',
    inputs: one('first'),
    poolSize: [3, 3],
    strides: [2, 2],
    padding: 'same',
  }),
  'global max pooling': chain(7, { kind: 'globalMaxPooling2d', name: 'g', inputs: one('first') }),
  'flatten and dense: the order is channel-last': chain(
    5,
    { kind: 'flatten', name: 'f', inputs: one('first') },
    { kind: 'dense', name: 'd', inputs: one('f'), units: 6, useBias: true },
  ),
  'reshape to a picture and on': chain(
    4,
    { kind: 'reshape', name: 'r', inputs: one('first'), shape: [8, 8, 1] },
    {
      kind: 'conv2d',
      name: 'c',
      inputs: one('r'),
      filters: 2,
      kernelSize: [3, 3],
      strides: [1, 1],
      dilation: [2, 2],
      padding: 'valid',
      useBias: true,
    },
  ),
  'squeeze and excite: multiply broadcasts': chain(
    6,
    { kind: 'globalAveragePooling2d', name: 'g', inputs: one('first') },
    { kind: 'reshape', name: 'v', inputs: one('g'), shape: [1, 1, 4] },
    { kind: 'activation', name: 's', inputs: one('v'), activation: 'sigmoid' },
    { kind: 'multiply', name: 'm', inputs: ['first', 's'] },
  ),
  'grouped convolution': chain(7, {
    kind: 'conv2d',
    name: 'g',
    inputs: one('first'),
    filters: 6,
    groups: 2,
    kernelSize: [3, 2],
    strides: [2, 1],
    dilation: [1, 1],
    padding: 'same',
    useBias: true,
  }),
  'concatenate, and a sum of three': chain(
    6,
    { kind: 'concatenate', name: 'c', inputs: ['first', 'first'] },
    { kind: 'add', name: 'a', inputs: ['c', 'c', 'c'] },
  ),
  'layer norm, over channels': chain(
    6,
    { kind: 'layerNormalization', name: 'n', inputs: one('first'), epsilon: 1e-5, center: true, scale: true },
    { kind: 'layerNormalization', name: 'm', inputs: one('n'), epsilon: 1e-3, center: false, scale: true },
  ),
  'layer norm of a vector': chain(
    6,
    { kind: 'globalAveragePooling2d', name: 'g', inputs: one('first') },
    { kind: 'layerNormalization', name: 'n', inputs: one('g'), epsilon: 1e-5, center: true, scale: true },
  ),
  'PReLU: a slope for each channel, each row, each place, in any order of axes': chain(
    5,
    { kind: 'prelu', name: 'c', inputs: one('first'), sharedAxes: [1, 2] },
    { kind: 'prelu', name: 'r', inputs: one('c'), sharedAxes: [2, 3] },
    { kind: 'permute', name: 'q', inputs: one('r'), dims: [3, 1, 2] },
    { kind: 'prelu', name: 'p', inputs: one('q'), sharedAxes: [] },
    { kind: 'flatten', name: 'f', inputs: one('p') },
    { kind: 'prelu', name: 'v', inputs: one('f'), sharedAxes: [] },
    { kind: 'prelu', name: 's', inputs: one('v'), sharedAxes: [1] },
  ),
  'cropping, and the shift by one pixel': chain(
    7,
    {
      kind: 'cropping2d',
      name: 'c',
      inputs: one('first'),
      crop: { top: 1, bottom: 0, left: 2, right: 1 },
    },
    { kind: 'zeroPadding2d', name: 'p', inputs: one('c'), pad: { top: 0, bottom: 1, left: 0, right: 1 } },
    {
      kind: 'averagePooling2d',
      name: 'a',
      inputs: one('p'),
      poolSize: [1, 1],
      strides: [2, 2],
      padding: 'valid',
    },
  ),
  rescaling: chain(
    5,
    { kind: 'rescaling', name: 's', inputs: one('first'), scale: 0.17, offset: 0 },
    { kind: 'rescaling', name: 't', inputs: one('s'), scale: -2, offset: 0.5 },
  ),
  'permute, to a picture and to more axes': chain(
    6,
    { kind: 'permute', name: 'p', inputs: one('first'), dims: [3, 1, 2] },
    { kind: 'reshape', name: 'r', inputs: one('p'), shape: [2, 2, 3, 12] },
    { kind: 'permute', name: 'q', inputs: one('r'), dims: [4, 2, 1, 3] },
    { kind: 'flatten', name: 'f', inputs: one('q') },
  ),
  'slices of channels, shuffled': built(6, (b, x) => {
    const wide = b.conv2d(x, 'wide', { filters: 12, kernel: 1 });
    const left = b.activation(b.sliceChannels(wide, 'left', 0, 6), 'tanh', 'tanh');
    const joined = b.concatenate('joined', left, b.sliceChannels(wide, 'right', 6, 12));
    return b.conv2d(b.shuffleChannels(joined, 'shuffle', 3), 'last', { filters: 5, kernel: 3, pad: 1 });
  }),
  'a block of ConvNeXt': built(7, (b, x) => {
    let y = b.depthwiseConv2d(x, 'depthwise', { kernel: 7, pad: 3, bias: true });
    y = b.layerNormalization(y, 'norm', { epsilon: 1e-6 });
    y = b.activation(b.dense(y, 'expand', 16), 'gelu', 'gelu');
    y = b.depthwiseConv2d(b.dense(y, 'reduce', 4), 'gamma', { kernel: 1 });
    return b.add('sum', y, x);
  }),
  'dropout does nothing': chain(6, { kind: 'dropout', name: 'd', inputs: one('first'), rate: 0.9 }),
  'dense on a picture': chain(4, { kind: 'dense', name: 'd', inputs: one('first'), units: 3, useBias: true }),
};

async function outputs(engine: Engine, graph: Graph, size: number, names: readonly string[], count = 2) {
  const predictor = await engine.load(
    { graph, weights: madeUpWeights(graph), ...HALF },
    { outputs: names, size: [size, size] },
  );
  const data = Buffer.concat(
    Array.from({ length: count }, (_, i) => madeUpPixels(`parity ${i}`, size, size)),
  );
  const results = await predictor.run({ data, count, height: size, width: size });
  results.forEach(({ shape }, i) => assert.deepEqual(shape, [count, ...predictor.outputShapes[i]!]));
  await predictor.dispose();
  return results;
}

const sizeOf = (graph: Graph) => (graph.layers[0] as Extract<Layer, { kind: 'input' }>).shape[0]!;

describe('engines agree', () => {
  for (const [name, graph] of Object.entries(GRAPHS)) {
    test(name, async () => {
      const names = graph.layers.slice(1).map((layer) => layer.name);
      const [a, b] = await Promise.all([
        ENGINES.tested().then((engine) => outputs(engine, graph, sizeOf(graph), names)),
        ENGINES.reference().then((engine) => outputs(engine, graph, sizeOf(graph), names)),
      ]);
      a.forEach(({ data, shape }, i) => {
        assert.deepEqual(shape, b[i]!.shape, names[i]);
        assertAllClose(data, b[i]!.data, { rtol: 1e-4, atol: 1e-6 }, names[i]);
      });
      // Layers whose output nobody asks for may be fused away.
      const [alone] = await outputs(await ENGINES.tested(), graph, sizeOf(graph), [graph.output]);
      assertAllClose(alone!.data, b.at(-1)!.data, { rtol: 1e-4, atol: 1e-6 }, 'the output alone');
    });
  }

  for (const architecture of ENGINES.architectures) {
    test(`${architecture}: its logits, and layers inside it`, async () => {
      const graph = findArchitecture(architecture).build(10);
      const inside = graph.layers
        .filter((layer, i) => i % 17 === 5 && layer.name !== graph.output)
        .map((layer) => layer.name);
      const names = [graph.output, ...inside];
      const a = await outputs(await ENGINES.tested(), graph, 32, names, 1);
      const b = await outputs(await ENGINES.reference(), graph, 32, names, 1);
      a.forEach(({ data }, i) => assertAllClose(data, b[i]!.data, { rtol: 1e-4 }, names[i]));
      // Naming layers inside must not change the answer, though it keeps them from being fused away.
      const [alone] = await outputs(await ENGINES.tested(), graph, 32, [graph.output], 1);
      assertAllClose(alone!.data, a[0]!.data, { rtol: 1e-5 }, 'logits alone');
    });
  }
});

test('windows of any size, stride, padding and dilation', async () => {
  const [tested, reference] = [await ENGINES.tested(), await ENGINES.reference()];
  const small = fc.integer({ min: 1, max: 3 });
  const shape = fc.record({
    size: fc.integer({ min: 7, max: 12 }),
    kernel: fc.tuple(small, small),
    stride: small,
    dilation: fc.integer({ min: 1, max: 2 }),
    padding: fc.constantFrom<Padding>('same', 'valid'),
    depthMultiplier: fc.integer({ min: 1, max: 2 }),
    kind: fc.constantFrom('conv2d', 'depthwiseConv2d'),
    pad: fc.record({ top: fc.nat(2), bottom: fc.nat(2), left: fc.nat(2), right: fc.nat(2) }),
  });
  await fc.assert(
    fc.asyncProperty(
      shape,
      async ({ size, kernel, stride, dilation: wanted, padding, depthMultiplier, kind, pad }) => {
        // TensorFlow.js has no strided dilation, like Keras, and its DepthwiseConv2D ignores dilation_rate.
        const dilation = kind === 'conv2d' ? wanted : 1;
        const window = {
          inputs: one('pad'),
          kernelSize: kernel,
          strides: dilation > 1 ? ([1, 1] as const) : ([stride, stride] as const),
          dilation: [dilation, dilation] as const,
          padding,
          useBias: true,
        };
        const layer: Layer =
          kind === 'conv2d'
            ? { kind, name: 'w', filters: 3, ...window }
            : { kind: 'depthwiseConv2d', name: 'w', depthMultiplier, ...window };
        const graph = chain(size, { kind: 'zeroPadding2d', name: 'pad', inputs: one('first'), pad }, layer, {
          kind: 'batchNormalization',
          name: 'bn',
          inputs: one('w'),
          epsilon: 1e-3,
          momentum: 0.9,
          center: true,
          scale: true,
        });
        const [a] = await outputs(tested, graph, size, ['bn'], 1);
        const [b] = await outputs(reference, graph, size, ['bn'], 1);
        assertAllClose(a!.data, b!.data, { rtol: 1e-4, atol: 1e-6 });
      },
    ),
    { numRuns: 60 },
  );
});

test('the answer for a picture does not depend on the batch it is in', async () => {
  const graph = findArchitecture('resnet18').build(10);
  const predictor = await (
    await ENGINES.tested()
  ).load({ graph, weights: madeUpWeights(graph), ...HALF }, { size: [48, 48] });
  const pictures = Array.from({ length: 5 }, (_, i) => madeUpPixels(`batch ${i}`, 48, 48));
  const run = async (list: readonly Uint8Array[]) => {
    const [result] = await predictor.run({
      data: Buffer.concat(list),
      count: list.length,
      height: 48,
      width: 48,
    });
    return result!.data;
  };
  const together = await run(pictures);
  for (const [i, picture] of pictures.entries()) {
    assertAllClose(await run([picture]), together.subarray(i * 10, (i + 1) * 10), { rtol: 1e-5 });
  }
  await predictor.dispose();
});

test('a layer that does not exist is named', async () => {
  const graph = findArchitecture('resnet18').build(10);
  const engine = await ENGINES.tested();
  await assert.rejects(
    engine.load({ graph, weights: madeUpWeights(graph), ...HALF }, { outputs: ['layer9'] }),
    /resnet18 has no layer 'layer9'/,
  );
});
