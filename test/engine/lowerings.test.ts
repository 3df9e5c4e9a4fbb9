// The CPU-tuned lowering against the portable one: the same step, the same weights after it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { lowerTraining } from '../../src/engine/onnx/lower-training.ts';
import type { TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder, type GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Layer } from '../../src/graph/layers.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SPEC = { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd', momentum: 0.9 } } as const;

/** Layers between two convolutions on blocks. */
const MIDDLES: Readonly<Record<string, (b: GraphBuilder, from: string) => string>> = {
  'a block of ConvNeXt': (b, x) => {
    let y = b.depthwiseConv2d(x, 'depthwise', { kernel: 7, pad: 3, bias: true });
    y = b.layerNormalization(y, 'norm', { epsilon: 1e-6 });
    y = b.activation(b.dense(y, 'expand', 64), 'gelu', 'gelu');
    y = b.depthwiseConv2d(b.dense(y, 'reduce', 32), 'gamma', { kernel: 1 });
    return b.add('sum', y, x);
  },
  'slices of channels, shuffled': (b, x) => {
    const right = b.conv2d(b.sliceChannels(x, 'right', 16, 32), 'c', { filters: 16, kernel: 3, pad: 1 });
    return b.shuffleChannels(b.concatenate('joined', b.sliceChannels(x, 'left', 0, 16), right), 'shuffle', 2);
  },
  'channels that are joined, of which one part leaves the blocks': (b, x) => {
    const narrow = b.conv2d(x, 'narrow', { filters: 16, kernel: 1, bias: true });
    const joined = b.concatenate('joined', x, narrow, b.rescaling(x, 'scaled', 0.5));
    return b.concatenate('all', joined, b.conv2d(x, 'five', { filters: 5, kernel: 1 }));
  },
  'a gate for each channel, before and behind the picture': (b, x) => {
    const gate = (name: string) => {
      const means = b.reshape(b.globalAveragePooling2d(x, `${name}.mean`), `${name}.place`, [1, 1, 32]);
      return b.activation(b.conv2d(means, name, { filters: 32, kernel: 1 }), `${name}.open`, 'sigmoid');
    };
    return b.multiply('second', gate('behind'), b.multiply('first gate', x, gate('before')));
  },
  'groups of four channels, of which one block is many': (b, x) =>
    b.conv2d(x, 'grouped', { filters: 32, kernel: 3, pad: 1, groups: 8 }),
  'groups of four channels to eight, in steps of two': (b, x) =>
    b.conv2d(x, 'grouped', { filters: 64, kernel: 3, stride: 2, pad: 1, groups: 8, bias: true }),
  'groups that are blocks': (b, x) => {
    const wide = b.conv2d(x, 'wide', { filters: 64, kernel: 1 });
    return b.conv2d(wide, 'grouped', { filters: 64, kernel: 3, pad: 1, groups: 2 });
  },
  'three groups': (b, x) => {
    const wide = b.conv2d(x, 'wide', { filters: 48, kernel: 1 });
    return b.conv2d(wide, 'grouped', { filters: 96, kernel: 3, stride: 2, pad: 1, groups: 3 });
  },
  'slopes that are learnt': (b, x) => b.prelu(x, 'prelu'),
  'a maximum whose border is below every number': (b, x) =>
    b.maxPooling2d(b.rescaling(x, 'scaled', -2, 1), 'pool', { kernel: 3, stride: 2, pad: 1 }),
};

async function stepWith(lowering: 'portable' | 'tuned', graph: Graph, spec: TrainSpec) {
  if (lowering === 'portable') process.env['FINCH_LOWERING'] = 'portable';
  else delete process.env['FINCH_LOWERING'];
  const engine = await createOnnxEngine({ device: 'cpu', threads: 2 });
  const trainer = await engine.trainer({ graph, weights: madeUpWeights(graph), ...HALF }, spec);
  const [size] = (graph.layers[0] as Extract<Layer, { kind: 'input' }>).shape as readonly [number];
  const count = spec.batchSize;
  const pictures = Array.from({ length: count }, (_, i) => madeUpPixels(`lowering ${i}`, size, size));
  const batch = { data: new Uint8Array(Buffer.concat(pictures)), count, height: size, width: size };
  await trainer.step(batch, { classes: pictures.map((_, i) => i % 3) }, [0.1]);
  const [weights, { description }] = [await trainer.weights(), trainer];
  await trainer.dispose();
  return { weights, description };
}

describe('tuned and portable', () => {
  let environment: string | undefined;
  before(() => (environment = process.env['FINCH_LOWERING']));
  after(() => {
    if (environment === undefined) delete process.env['FINCH_LOWERING'];
    else process.env['FINCH_LOWERING'] = environment;
  });

  test('agree on convolutions of any stride, padding and dilation, and on pooling', async () => {
    const small = fc.integer({ min: 1, max: 3 });
    const shape = fc.record({
      size: fc.integer({ min: 7, max: 11 }),
      kernel: fc.tuple(small, small),
      strides: fc.tuple(small, small),
      dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      padding: fc.constantFrom('same', 'valid'),
      kind: fc.constantFrom('conv2d', 'depthwiseConv2d', 'maxPooling2d', 'averagePooling2d'),
      filters: fc.constantFrom(16, 24, 32),
      count: fc.integer({ min: 1, max: 10 }),
      pad: fc.record({ top: fc.nat(2), bottom: fc.nat(2), left: fc.nat(2), right: fc.nat(2) }),
    });
    await fc.assert(
      fc.asyncProperty(
        shape,
        async ({ size, kernel, strides, dilation, padding, kind, filters, count, pad }) => {
          const b = graphBuilder('pair', size);
          const first = b.conv2d(b.input, 'first', { filters: 32, kernel: 3, pad: 1, bias: true });
          const relu = b.activation(first, 'relu', 'relu');
          const window = { name: 'w', inputs: ['pad'] as const, strides, padding } as const;
          const convolution = { kernelSize: kernel, dilation, useBias: true };
          const layers: Record<typeof kind, Layer> = {
            conv2d: { kind: 'conv2d', filters, ...window, ...convolution },
            depthwiseConv2d: { kind: 'depthwiseConv2d', depthMultiplier: 1, ...window, ...convolution },
            maxPooling2d: { kind: 'maxPooling2d', poolSize: kernel, ...window },
            averagePooling2d: { kind: 'averagePooling2d', poolSize: kernel, ...window },
          };
          const { layers: front, ...graph } = b.build(relu);
          const rest: readonly Layer[] = [
            { kind: 'zeroPadding2d', name: 'pad', inputs: [relu], pad },
            layers[kind],
            { kind: 'activation', name: 'tanh', inputs: ['w'], activation: 'tanh' },
            { kind: 'globalAveragePooling2d', name: 'mean', inputs: ['tanh'] },
            { kind: 'dense', name: 'fc', inputs: ['mean'], units: 3, useBias: true },
          ];
          const whole = { ...graph, layers: [...front, ...rest], output: 'fc' };
          const spec = { ...SPEC, batchSize: count };
          const a = await stepWith('tuned', whole, spec);
          const { weights } = await stepWith('portable', whole, spec);
          for (const [name, { data }] of weights) {
            assertAllClose(a.weights.get(name)!.data, data, { rtol: 2e-5 }, name);
          }
        },
      ),
      { numRuns: 40, includeErrorInReport: true },
    );
  });

  for (const [what, middle] of Object.entries(MIDDLES)) {
    test(`agree on ${what}`, async () => {
      const b = graphBuilder('middle', 10);
      const first = b.conv2d(b.input, 'first', { filters: 32, kernel: 3, pad: 1, bias: true });
      const last = b.conv2d(middle(b, first), 'last', { filters: 32, kernel: 3 });
      const graph = b.build(b.dense(b.globalAveragePooling2d(last, 'mean'), 'fc', 3));
      const spec = { ...SPEC, batchSize: 5 };
      const a = await stepWith('tuned', graph, spec);
      const { weights } = await stepWith('portable', graph, spec);
      for (const [name, { data }] of weights) {
        assertAllClose(a.weights.get(name)!.data, data, { rtol: 2e-5 }, name);
      }
    });
  }

  const hasBlocks = process.arch === 'x64' || process.arch === 'arm64';
  test(
    'the tuned lowering is adopted',
    { skip: !hasBlocks && 'onnxruntime has no blocks here' },
    async () => {
      const b = graphBuilder('tiny', 8);
      const x = b.conv2d(b.input, 'c', { filters: 16, kernel: 3 });
      const graph = b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', 3));
      const { description } = await stepWith('tuned', graph, { ...SPEC, batchSize: 1 });
      assert.match(description, /CPU-tuned/);
    },
  );

  test('FINCH_LOWERING=portable is heeded', async () => {
    const b = graphBuilder('tiny', 8);
    const x = b.conv2d(b.input, 'c', { filters: 16, kernel: 3 });
    const graph = b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', 3));
    const { description } = await stepWith('portable', graph, { ...SPEC, batchSize: 1 });
    assert.match(description, /portable/);
  });
});

test('blocks of 8, which this machine may not have, are written without fault', () => {
  for (const name of ['resnet18', 'efficientnet_lite0']) {
    const graph = findArchitecture(name).build(10);
    const model = { graph, weights: madeUpWeights(graph), ...HALF };
    const lowered = lowerTraining(
      model,
      { ...SPEC, batchSize: 5 },
      { batch: 5, phase: 'whole', block: 8, inPlace: true },
    );
    assert.ok(lowered.moved.length > 100);
  }
});

// Beside a kernel of 1 x 1 the runtime takes a number of fewer axes as if it were as large as the kernel: forty times as slow.
test('one number beside a kernel of 1 x 1 has as many axes', () => {
  const graph = findArchitecture('resnet50').build(10);
  const model = { graph, weights: madeUpWeights(graph), ...HALF };
  const optimizers = [
    { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 },
    { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4, nesterov: true },
    { kind: 'adam', weightDecay: 1e-4 },
    { kind: 'adamw', weightDecay: 1e-4 },
  ] as const;
  for (const optimizer of optimizers) {
    const spec = { ...SPEC, batchSize: 2, optimizer, clipNorm: 1 };
    const { graph: written } = lowerTraining(model, spec, { batch: 2, phase: 'whole', block: 0, inPlace: false }); // prettier-ignore
    const makers = new Map(
      written.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)),
    );
    const shapes = new Map([...written.initializers, ...written.inputs].map(({ name, shape }) => [name, shape])); // prettier-ignore
    const isOneByOne = (name: string) => shapes.get(name)?.length === 4 && shapes.get(name)!.at(-1) === 1;
    const isOneNumber = (name: string): boolean => shapes.get(name)?.length === 0;
    let count = 0;
    for (const { op, inputs } of makers.values()) {
      if (!['Mul', 'Add', 'Sub', 'Div'].includes(op) || !inputs.some(isOneByOne)) continue;
      count += 1;
      assert.ok(!inputs.some(isOneNumber), `${optimizer.kind}: ${op} of ${inputs.join(', ')}`);
    }
    assert.ok(count > 50, optimizer.kind);
  }
});
