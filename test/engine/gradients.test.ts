// Every gradient rule against finite differences: weights are nudged through the trainer, and the loss has to move as the gradient says.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { Loss, TrainSpec } from '../../src/engine/training.ts';
import { graphBuilder, type GraphBuilder } from '../../src/graph/builder.ts';
import { ACTIVATIONS, type Graph, type Layer, type Weights } from '../../src/graph/layers.ts';
import { fnv1a, madeUpPixels, uniform } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const CLASSES = 3;
const COUNT = 3;

/** One step at rate 1 without momentum: what the weights lose is the gradient. */
async function stepOnce(graph: Graph, weights: Weights, size: number, more: Partial<TrainSpec> = {}) {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const trainer = await engine.trainer(
    { graph, weights, ...HALF },
    {
      size: [size, size],
      batchSize: COUNT,
      loss: { kind: 'cross-entropy' },
      optimizer: { kind: 'sgd' },
      seed: 5,
      ...more,
    },
  );
  const pictures = Array.from({ length: COUNT }, (_, i) => madeUpPixels(`gradient ${i}`, size, size));
  const data = new Uint8Array(Buffer.concat(pictures));
  const loss = more.loss?.kind ?? 'cross-entropy';
  const targets =
    loss === 'cross-entropy'
      ? { classes: [2, 0, 1] }
      : { probabilities: Float32Array.from([1, 0, 1, 0, 0.3, 1, 1, 1, 0]) };
  const result = await trainer.step({ data, count: COUNT, height: size, width: size }, targets, [1]);
  const after = await trainer.weights();
  await trainer.dispose();
  return { loss: result.loss, after };
}

interface Look {
  readonly nudge?: number;
  /**
   * A maximum that changes hands within the nudge is a kink, where the loss has no slope: another direction is taken then. A wrong
   * gradient is no slope in any.
   */
  readonly directions?: number;
}

/** For layers with kinks: short nudges meet few of them. */
const KINKED: Look = { nudge: 1e-4, directions: 5 };

/**
 * Nudges all weights of the first layer, and then of all layers, along a made-up direction: the slope of the loss has to be the
 * gradient's projection on it. A central difference in float32: 1e-3 of slack, and what rounding leaves of it.
 */
async function checkGradient(
  graph: Graph,
  size: number,
  more: Partial<TrainSpec> = {},
  { nudge = 2e-3, directions = 1 }: Look = {},
) {
  const weights = madeUpWeights(graph);
  const learned = [...weights.keys()].filter((name) => !name.includes('moving_'));
  const { after } = await stepOnce(graph, weights, size, more);
  for (const names of [learned.filter((name) => name.startsWith('first/')), learned]) {
    const misses: string[] = [];
    for (let direction = 0; direction < directions; direction++) {
      const along = (scale: number): Weights =>
        new Map(
          [...weights].map(([name, { shape, data }]) => {
            const seed = fnv1a(`nudge ${direction} ${name}`);
            const moved = names.includes(name)
              ? data.map((value, i) => value + scale * (uniform(seed, i) - 0.5))
              : data;
            return [name, { shape, data: moved }];
          }),
        );
      const [above, below] = [
        await stepOnce(graph, along(nudge), size, more),
        await stepOnce(graph, along(-nudge), size, more),
      ];
      const slope = (above.loss - below.loss) / (2 * nudge);
      let projection = 0;
      let magnitude = 0;
      for (const name of names) {
        const seed = fnv1a(`nudge ${direction} ${name}`);
        weights.get(name)!.data.forEach((value, i) => {
          const part = (value - after.get(name)!.data[i]!) * (uniform(seed, i) - 0.5);
          projection += part;
          magnitude += part * part;
        });
      }
      const allowed = 2e-3 * (Math.abs(projection) + Math.sqrt(magnitude)) + 3e-7 / nudge;
      if (Math.abs(slope - projection) <= allowed) break;
      misses.push(`the loss moves by ${slope}, the gradient says ${projection}`);
    }
    assert.ok(misses.length < directions, `${names[0]} … : ${misses.join('; ')}`);
  }
}

/** A convolution to four channels, the layers under test, and a classifier. */
function around(
  size: number,
  middle: (b: GraphBuilder, from: string) => string,
  extra: readonly Layer[] = [],
): Graph {
  const b = graphBuilder('rule', size);
  const first = b.conv2d(b.input, 'first', { filters: 4, kernel: 3, pad: 1, bias: true });
  const x = middle(b, first);
  if (extra.length === 0) return b.build(b.dense(b.globalAveragePooling2d(x, 'mean'), 'fc', CLASSES));
  const { layers, ...graph } = b.build(x);
  const last: readonly Layer[] = [
    { kind: 'flatten', name: 'flat', inputs: [extra.at(-1)!.name] },
    { kind: 'dense', name: 'fc', inputs: ['flat'], units: CLASSES, useBias: true },
  ];
  return { ...graph, layers: [...layers, ...extra, ...last], output: 'fc' };
}

const SMOOTH = ACTIVATIONS.filter((name) => !['softmax'].includes(name));

describe('gradients are finite differences', () => {
  for (const activation of SMOOTH) {
    test(activation, () =>
      checkGradient(
        around(5, (b, x) => b.activation(x, 'a', activation)),
        5,
      ),
    );
  }
  test('softmax in the middle', () =>
    checkGradient(
      around(5, (b, x) => {
        const y = b.activation(x, 'a', 'softmax');
        return b.conv2d(y, 'c', { filters: 4, kernel: 1 });
      }),
      5,
    ));
  test('batch norm, training', () =>
    checkGradient(
      around(5, (b, x) => b.batchNormalization(x, 'bn')),
      5,
    ));
  test('batch norm, frozen', () =>
    checkGradient(
      around(5, (b, x) => b.batchNormalization(x, 'bn')),
      5,
      { batchNorm: 'frozen' },
    ));
  test('batch norm of a vector', () => {
    const b = graphBuilder('vector', 5);
    const x = b.globalAveragePooling2d(b.conv2d(b.input, 'first', { filters: 4, kernel: 3 }), 'mean');
    return checkGradient(b.build(b.dense(b.batchNormalization(x, 'bn'), 'fc', CLASSES)), 5);
  });
  test('squeeze and excite, sums and joins', () =>
    checkGradient(
      around(5, (b, x) => {
        const gate = b.reshape(b.globalAveragePooling2d(x, 'm'), 'r', [1, 1, 4]);
        const scaled = b.multiply('scaled', x, b.activation(gate, 's', 'sigmoid'));
        return b.add(
          'sum',
          b.conv2d(b.concatenate('both', x, scaled), 'c', { filters: 4, kernel: 1 }),
          scaled,
        );
      }),
      5,
    ));
  test('flatten, reshape, dense on a picture, padding that nobody absorbs', () =>
    checkGradient(
      around(4, (_, x) => x, [
        {
          kind: 'zeroPadding2d',
          name: 'pad',
          inputs: ['first'],
          pad: { top: 1, bottom: 0, left: 0, right: 2 },
        },
        { kind: 'activation', name: 'a', inputs: ['pad'], activation: 'tanh' },
        { kind: 'reshape', name: 'r', inputs: ['a'], shape: [6, 5, 4] },
        { kind: 'dense', name: 'd', inputs: ['r'], units: 2, useBias: true },
      ]),
      4,
    ));
  test('global max pooling', () => {
    const b = graphBuilder('max', 5);
    const x = b.conv2d(b.input, 'first', { filters: 4, kernel: 3 });
    const { layers, ...graph } = b.build(x);
    const more: readonly Layer[] = [
      { kind: 'globalMaxPooling2d', name: 'g', inputs: ['first'] },
      { kind: 'dense', name: 'fc', inputs: ['g'], units: CLASSES, useBias: true },
    ];
    return checkGradient({ ...graph, layers: [...layers, ...more], output: 'fc' }, 5, {}, KINKED);
  });
  test('a mean that counts its padding', () =>
    checkGradient(
      around(5, (b, x) => b.averagePooling2d(x, 'pool', { kernel: [3, 2], stride: [1, 2], pad: 1 })),
      5,
    ));
  test('a maximum whose border is below every number', () =>
    checkGradient(
      around(6, (b, x) => b.maxPooling2d(x, 'pool', { kernel: 3, stride: 2, pad: 1 })),
      6,
      {},
      KINKED,
    ));
  test('a maximum of what a ReLU puts out, which another layer reads too', () =>
    checkGradient(
      around(8, (b, x) => {
        const relu = b.activation(b.conv2d(x, 'wide', { filters: 16, kernel: 1 }), 'relu', 'relu');
        const pooled = b.maxPooling2d(relu, 'pool', { kernel: 3, stride: 2, pad: 1 });
        return b.add('sum', pooled, b.conv2d(relu, 'beside', { filters: 16, kernel: 3, stride: 2, pad: 1 }));
      }),
      8,
      {},
      KINKED,
    ));
  test('a sum whose gradient goes to two layers, of which another layer reads one', () =>
    checkGradient(
      around(6, (b, x) => {
        const wide = b.conv2d(x, 'wide', { filters: 16, kernel: 1 });
        const [one, other] = ['one', 'other'].map((name) => b.conv2d(wide, name, { filters: 16, kernel: 1 }));
        const through = b.conv2d(b.add('sum', one!, other!), 'through', { filters: 16, kernel: 3, pad: 1 });
        return b.add('total', through, b.conv2d(one!, 'beside', { filters: 16, kernel: 3, pad: 1 }));
      }),
      6,
    ));
  test('a maximum of a ReLU of a sum of ReLUs', () =>
    checkGradient(
      around(8, (b, x) => {
        const wide = b.conv2d(x, 'wide', { filters: 16, kernel: 1 });
        const [p, q] = ['p', 'q'].map((name) =>
          b.activation(b.conv2d(wide, name, { filters: 16, kernel: 1 }), `relu ${name}`, 'relu'),
        );
        const relu = b.activation(b.add('sum', p!, q!), 'relu', 'relu');
        return b.maxPooling2d(relu, 'pool', { kernel: 3, stride: 2, pad: 1 });
      }),
      8,
      {},
      KINKED,
    ));
  test('a layer that is added to itself, and a sum beside a convolution of it', () =>
    checkGradient(
      around(6, (b, x) => {
        const wide = b.conv2d(x, 'wide', { filters: 16, kernel: 1 });
        const q = b.conv2d(wide, 'q', { filters: 16, kernel: 1 });
        const sum = b.add('sum', q, b.conv2d(b.add('twice', wide, wide), 'r', { filters: 16, kernel: 1 }));
        return b.add('total', sum, b.conv2d(q, 'beside', { filters: 16, kernel: 3, pad: 1 }));
      }),
      6,
    ));
  for (const size of [8, 7]) {
    test(`a shortcut at stride 2 beside a convolution at stride 2, behind norms, ${size} pixels`, () =>
      checkGradient(
        around(size, (b, x) => {
          const wide = b.activation(b.conv2d(x, 'wide', { filters: 16, kernel: 1 }), 'bent', 'tanh');
          const normed = (name: string, kernel: number, pad: number, bias: boolean) =>
            b.batchNormalization(
              b.conv2d(wide, name, { filters: 16, kernel, stride: 2, pad, bias }),
              `${name} norm`,
            );
          return b.add('sum', normed('main', 3, 1, true), normed('short', 1, 0, false));
        }),
        size,
      ));
  }
  for (const between of ['rescaling', 'dropout'] as const) {
    test(`a shortcut at stride 2 beside a convolution at stride 2 behind ${between}`, () =>
      checkGradient(
        around(8, (b, x) => {
          const wide = b.activation(b.conv2d(x, 'wide', { filters: 16, kernel: 1 }), 'bent', 'tanh');
          const z =
            between === 'rescaling' ? b.rescaling(wide, 'scaled', 3, 0) : b.dropout(wide, 'dropped', 0.5);
          const main = b.conv2d(z, 'main', { filters: 16, kernel: 3, stride: 2, pad: 1 });
          return b.add('sum', main, b.conv2d(wide, 'short', { filters: 16, kernel: 1, stride: 2 }));
        }),
        8,
      ));
  }
  test('a frozen norm behind a convolution with a bias', () =>
    checkGradient(
      around(6, (b, x) =>
        b.batchNormalization(b.conv2d(x, 'wide', { filters: 16, kernel: 1, bias: true }), 'bn'),
      ),
      6,
      { batchNorm: 'frozen' },
    ));
  test('a stem of a picture so large that its gradient goes in bands of unequal height', () => {
    const b = graphBuilder('stem', 203);
    const stem = b.conv2d(b.input, 'first', { filters: 16, kernel: 3, pad: 1, bias: true });
    const small = b.averagePooling2d(stem, 'small', { kernel: 50, stride: 50 });
    const wide = b.conv2d(small, 'second', { filters: 16, kernel: 3, stride: 2, pad: 1 });
    return checkGradient(b.build(b.dense(b.globalAveragePooling2d(wide, 'mean'), 'fc', CLASSES)), 203);
  });
  test('layer norm', () =>
    checkGradient(
      around(5, (b, x) => b.layerNormalization(x, 'norm')),
      5,
    ));
  test('PReLU, a slope for each channel', () =>
    checkGradient(
      around(5, (b, x) => b.prelu(x, 'p')),
      5,
      {},
      KINKED,
    ));
  test('PReLU, slopes of rows, of every place and of a vector', () =>
    checkGradient(
      around(4, (_, x) => x, [
        { kind: 'prelu', name: 'rows', inputs: ['first'], sharedAxes: [2, 3] },
        { kind: 'prelu', name: 'places', inputs: ['rows'], sharedAxes: [] },
        { kind: 'flatten', name: 'f', inputs: ['places'] },
        { kind: 'prelu', name: 'one', inputs: ['f'], sharedAxes: [1] },
        { kind: 'prelu', name: 'each', inputs: ['one'], sharedAxes: [] },
      ]),
      4,
      {},
      KINKED,
    ));
  test('a block of ConvNeXt', () =>
    checkGradient(
      around(5, (b, x) => {
        let y = b.depthwiseConv2d(x, 'depthwise', { kernel: 3, pad: 1, bias: true });
        y = b.layerNormalization(y, 'norm', { epsilon: 1e-6 });
        y = b.activation(b.dense(y, 'expand', 8), 'gelu', 'gelu');
        y = b.depthwiseConv2d(b.dense(y, 'reduce', 4), 'gamma', { kernel: 1 });
        return b.add('sum', y, x);
      }),
      5,
    ));
  test('slices of channels, shuffled; one that nobody uses', () =>
    checkGradient(
      around(5, (b, x) => {
        const half = b.conv2d(b.sliceChannels(x, 'right', 2, 4), 'c', { filters: 2, kernel: 3, pad: 1 });
        b.sliceChannels(x, 'unused', 1, 2);
        const joined = b.concatenate('joined', b.sliceChannels(x, 'left', 0, 2), half);
        return b.activation(b.shuffleChannels(joined, 'shuffle', 2), 'tanh', 'tanh');
      }),
      5,
    ));
  test('cropping, rescaling, and axes in an order that is no picture’s', () =>
    checkGradient(
      around(6, (_, x) => x, [
        { kind: 'cropping2d', name: 'c', inputs: ['first'], crop: { top: 1, bottom: 0, left: 0, right: 2 } },
        { kind: 'rescaling', name: 's', inputs: ['c'], scale: 0.5, offset: -0.25 },
        { kind: 'permute', name: 'p', inputs: ['s'], dims: [2, 3, 1] },
        { kind: 'activation', name: 'a', inputs: ['p'], activation: 'tanh' },
        { kind: 'reshape', name: 'r', inputs: ['a'], shape: [2, 2, 4, 5] },
        { kind: 'permute', name: 'q', inputs: ['r'], dims: [4, 1, 3, 2] },
      ]),
      6,
    ));
  test('dropout, of numbers and of samples: the same masks at every look', () =>
    checkGradient(
      around(5, (b, x) => b.dropout(b.dropout(x, 'd', 0.4), 'p', 0.3, { perSample: true })),
      5,
    ));
  const losses: readonly Loss[] = [
    { kind: 'cross-entropy', labelSmoothing: 0.1, classWeights: [1, 2, 0.5] },
    { kind: 'bce-logits', posWeight: [1, 3, 0.5] },
  ];
  for (const loss of losses)
    test(loss.kind, () =>
      checkGradient(
        around(5, (_, x) => x),
        5,
        { loss },
      ),
    );
  test('bce', () => {
    const graph = around(5, (_, x) => x);
    const sigmoid: Layer = { kind: 'activation', name: 'p', inputs: ['fc'], activation: 'sigmoid' };
    return checkGradient({ ...graph, layers: [...graph.layers, sigmoid], output: 'p' }, 5, {
      loss: { kind: 'bce' },
    });
  });
});

test('a step by batch statistics does not depend on the running mean, also where a channel has no variance', async () => {
  const graph = around(6, (b, x) =>
    b.batchNormalization(b.conv2d(x, 'wide', { filters: 16, kernel: 3, bias: true }), 'bn'),
  );
  const made = madeUpWeights(graph);
  const stepFrom = (mean: number) => {
    const [kernel, running] = [made.get('wide/kernel')!, made.get('bn/moving_mean')!];
    // The last of the filters puts out its bias alone.
    const data = kernel.data.map((value, i) => (i % 16 === 15 ? 0 : value));
    const means = { ...running, data: running.data.map(() => mean) };
    return stepOnce(
      graph,
      new Map([...made, ['wide/kernel', { ...kernel, data }], ['bn/moving_mean', means]]),
      6,
    );
  };
  const near = await stepFrom(0);
  for (const [mean, allowed] of [
    [0.3, 2e-4],
    [3, 2e-4],
    [30, 1e-3],
    [1000, 3e-2],
  ] as const) {
    const far = await stepFrom(mean);
    for (const [name, { data }] of near.after) {
      if (name.startsWith('bn/moving_')) continue;
      const scale = Math.max(1, ...data.map(Math.abs));
      data.forEach((value, i) =>
        assert.ok(Math.abs(value - far.after.get(name)!.data[i]!) < allowed * scale, `${mean}: ${name} ${i}`),
      );
    }
  }
});

test('windows of any size, stride, padding, dilation and groups', async () => {
  const small = fc.integer({ min: 1, max: 3 });
  const shape = fc.record({
    size: fc.integer({ min: 7, max: 10 }),
    kernel: fc.tuple(small, small),
    strides: fc.tuple(small, small),
    dilation: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    padding: fc.constantFrom('same', 'valid'),
    kind: fc.constantFrom('conv2d', 'depthwiseConv2d', 'maxPooling2d', 'averagePooling2d'),
    groups: fc.constantFrom(1, 2, 4),
    wide: fc.boolean(),
    activation: fc.constantFrom('linear', 'relu'),
    padsFirst: fc.boolean(),
    pad: fc.record({ top: fc.nat(2), bottom: fc.nat(2), left: fc.nat(2), right: fc.nat(2) }),
  });
  await fc.assert(
    fc.asyncProperty(shape, async (given) => {
      const { size, kernel, strides, dilation, padding, kind, groups, wide, activation, padsFirst, pad } =
        given;
      const [first, second] = padsFirst ? (['pad', 'r'] as const) : (['r', 'pad'] as const);
      const window = { name: 'w', inputs: [second] as const, strides, padding } as const;
      const convolution = { kernelSize: kernel, dilation, useBias: true };
      // Enough channels to fill a block of either size, or too few.
      const channels = wide ? 16 : 4;
      const layers: Record<typeof kind, Layer> = {
        conv2d: { kind: 'conv2d', filters: channels, groups, ...window, ...convolution },
        depthwiseConv2d: { kind: 'depthwiseConv2d', depthMultiplier: 2, ...window, ...convolution },
        maxPooling2d: { kind: 'maxPooling2d', poolSize: kernel, ...window },
        averagePooling2d: { kind: 'averagePooling2d', poolSize: kernel, ...window },
      };
      const before: Record<typeof first, Layer> = {
        pad: { kind: 'zeroPadding2d', name: 'pad', inputs: [padsFirst ? 'widen' : 'r'], pad },
        r: { kind: 'activation', name: 'r', inputs: [padsFirst ? 'pad' : 'widen'], activation },
      };
      const graph = around(size, (b, x) => b.conv2d(x, 'widen', { filters: channels, kernel: 1 }), [
        before[first],
        before[second],
        layers[kind],
      ]);
      const isKinked = kind === 'maxPooling2d' || activation === 'relu';
      await checkGradient(graph, size, {}, isKinked ? KINKED : {});
    }),
    { numRuns: 40, includeErrorInReport: true },
  );
});
