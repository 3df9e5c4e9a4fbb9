// Keras classes and versions of them that mean something of their own: by hand on pictures of one colour, or by TensorFlow.js.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { graphOf } from '../../src/artefact/keras-read.ts';
import { topologyOf } from '../../src/artefact/keras-write.ts';
import { readModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import { outputOfModel } from '../../src/artefact/model.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { classProbabilities } from '../../src/graph/output.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { openOfficially } from '../helpers/official-tfjs.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

const SIZE = 8;

let scratch = '';
before(async () => {
  await tf.setBackend('cpu');
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-keras-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

interface KerasLayer {
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const layer = (className: string, config: Readonly<Record<string, unknown>> = {}): KerasLayer => ({
  class_name: className,
  config: { name: className.toLowerCase(), ...config },
});
const input = (...shape: readonly (number | null)[]) =>
  layer('InputLayer', { batch_input_shape: [null, ...shape] });

interface Written {
  readonly layers: readonly KerasLayer[];
  readonly weights?: Readonly<Record<string, readonly [shape: readonly number[], values: readonly number[]]>>;
  readonly version?: string;
}

let count = 0;

/** A sequential model as tensorflowjs_converter writes it. */
async function folderOf({ layers, weights = {}, version = '2.15.0' }: Written): Promise<string> {
  const folder = path.join(scratch, `m${count++}`);
  await mkdir(folder);
  const entries = Object.entries(weights);
  const json = {
    format: 'layers-model',
    modelTopology: {
      keras_version: version,
      model_config: { class_name: 'Sequential', config: { name: 'm', layers } },
    },
    weightsManifest: [
      {
        paths: ['w.bin'],
        weights: entries.map(([name, [shape]]) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  };
  await writeFile(path.join(folder, 'model.json'), JSON.stringify(json));
  const values = Float32Array.from(entries.flatMap(([, [, numbers]]) => numbers));
  await writeFile(path.join(folder, 'w.bin'), Buffer.from(values.buffer));
  return folder;
}

/** What a folder's network makes of pixels scaled to 0…1, or prepared as it says itself. */
async function outputOn(folder: string, pixels: Uint8Array): Promise<Float32Array> {
  const model = await readModelFolder(folder);
  const { mean, std } = model.preprocessing ?? { mean: [0, 0, 0], std: [1, 1, 1] };
  const engine = await createOnnxEngine({ device: 'cpu' });
  const predictor = await engine.load({ ...model, mean, std });
  const [result] = await predictor.run({ data: pixels, count: 1, height: SIZE, width: SIZE });
  await predictor.dispose();
  return result!.data;
}

/** A picture of one colour. */
const plain = (...colour: readonly [number, number, number]) =>
  Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => colour[i % 3]!);
const COLOUR = [51, 102, 204] as const;
const SCALED = COLOUR.map((value) => value / 255);
const PIXELS = plain(...COLOUR);

/** The means of what the layers make of a picture. */
const means = async (written: Written, pixels = PIXELS) =>
  outputOn(
    await folderOf({ ...written, layers: [...written.layers, layer('GlobalAveragePooling2D')] }),
    pixels,
  );

describe('activations by name', () => {
  const shifted = (x: number) => 8 * x - 4;
  const spread = layer('Rescaling', { name: 'spread', scale: 8, offset: -4 });
  const rescaled = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 }), spread];
  const clip = (x: number) => Math.min(1, Math.max(0, x));
  for (const [what, activation, version, expected] of [
    ["Keras 2's hard_sigmoid", 'hard_sigmoid', '2.15.0', (x: number) => clip(0.2 * x + 0.5)],
    ["Keras 3's hard_sigmoid", 'hard_sigmoid', '3.4.1', (x: number) => clip(x / 6 + 0.5)],
    ["TensorFlow.js's hard_sigmoid", 'hard_sigmoid', 'tfjs-layers 4.22.0', (x: number) => clip(0.2 * x + 0.5)], // prettier-ignore
    ['gelu', 'gelu', '2.15.0', (x: number) => x * 0.5 * (1 + tf.erf(x / Math.SQRT2).dataSync()[0]!)],
    ['leaky_relu', 'leaky_relu', '3.4.1', (x: number) => (x > 0 ? x : 0.2 * x)],
    ["Keras 3's hard_silu", 'hard_silu', '3.4.1', (x: number) => x * clip(x / 6 + 0.5)],
    ['a function as an object', { class_name: 'function', config: 'relu6' }, '3.4.1', (x: number) => Math.min(6, Math.max(0, x))], // prettier-ignore
  ] as const) {
    test(what, async () => {
      const actual = await means({ layers: [...rescaled, layer('Activation', { activation })], version });
      assertAllClose(
        actual,
        SCALED.map((x) => expected(shifted(x))),
        { atol: 1e-5 },
      );
    });
  }

  for (const [what, activation, expected] of [
    [
      'LeakyReLU of Keras 3',
      layer('LeakyReLU', { negative_slope: 0.1 }),
      (x: number) => Math.max(x, 0.1 * x),
    ],
    ['LeakyReLU of Keras 2', layer('LeakyReLU', { alpha: 0.1 }), (x: number) => Math.max(x, 0.1 * x)],
    ['ReLU to 6', layer('ReLU', { max_value: 6 }), (x: number) => Math.min(6, Math.max(0, x))],
    ['ReLU with a slope', layer('ReLU', { negative_slope: 0.2 }), (x: number) => Math.max(x, 0.2 * x)],
  ] as const) {
    test(`a layer as an activation: ${what}`, async () => {
      const conv = layer('Activation', { activation });
      const expectedOf = SCALED.map((x) => expected(shifted(x)));
      assertAllClose(await means({ layers: [...rescaled, conv] }), expectedOf, { atol: 1e-5 });
    });
  }

  test('the layer LeakyReLU keeps its own slope', async () => {
    const actual = await means({ layers: [...rescaled, layer('LeakyReLU')] });
    assertAllClose(
      actual,
      SCALED.map((x) => (shifted(x) > 0 ? shifted(x) : 0.3 * shifted(x))),
      { atol: 1e-5 },
    );
  });
});

describe('PReLU', () => {
  const slope = (x: number, alpha: number) => (x > 0 ? x : alpha * x);
  const layers = [
    input(SIZE, SIZE, 3),
    layer('Rescaling', { scale: 1 / 255 }),
    layer('Rescaling', { name: 'spread', scale: 8, offset: -4 }),
  ];
  test('a slope for each channel, read from Keras 2 and 3', async () => {
    const weights = { 'p_re_lu/alpha': [[1, 1, 3], [0.5, -1, 0.25]] } as const; // prettier-ignore
    for (const version of ['2.15.0', '3.4.1']) {
      const prelu = layer('PReLU', { name: 'p_re_lu', shared_axes: [1, 2] });
      assertAllClose(
        await means({ layers: [...layers, prelu], weights, version }),
        SCALED.map((x, c) => slope(8 * x - 4, [0.5, -1, 0.25][c]!)),
        { atol: 1e-5 },
      );
    }
  });
  test('a slope for each place, and one for all', async () => {
    const alphas = Array.from({ length: SIZE * SIZE * 3 }, (_, i) => (i % 7) / 7);
    const weights = {
      'places/alpha': [[SIZE, SIZE, 3], alphas],
      'all/alpha': [[1], [0.3]],
    } as const;
    const own = layer('PReLU', { name: 'places', shared_axes: null });
    const vector = layer('PReLU', { name: 'all', shared_axes: 1 });
    const folder = await folderOf({
      layers: [...layers, own, layer('GlobalAveragePooling2D'), vector],
      weights,
    });
    const expected = SCALED.map((x, c) => {
      const at = alphas.filter((_, i) => i % 3 === c).map((alpha) => slope(8 * x - 4, alpha));
      return slope(at.reduce((sum, y) => sum + y, 0) / at.length, 0.3);
    });
    assertAllClose(await outputOn(folder, PIXELS), expected, { atol: 1e-5 });
  });
  test('shared axes that there are not', async () => {
    const folder = await folderOf({ layers: [...layers, layer('PReLU', { shared_axes: [0] })] });
    await assert.rejects(readModelFolder(folder), { code: 'MODEL_INVALID', message: /shared_axes must be 1, 2 or 3, received 0/ }); // prettier-ignore
  });
});

describe('layers that prepare pictures', () => {
  test('augmentation and noise do nothing at inference', async () => {
    const augmentation = {
      class_name: 'Sequential',
      config: {
        name: 'data_augmentation',
        layers: [
          input(SIZE, SIZE, 3),
          layer('RandomFlip', { mode: 'horizontal' }),
          layer('RandomRotation', { factor: 0.1 }),
          layer('RandomZoom', { height_factor: 0.1 }),
          layer('RandomContrast', { factor: 0.1 }),
        ],
      },
    };
    const noise = [layer('GaussianNoise', { stddev: 1 }), layer('SpatialDropout2D', { rate: 0.5 })];
    const layers = [input(SIZE, SIZE, 3), augmentation, layer('Rescaling', { scale: 1 / 255 }), ...noise];
    assertAllClose(await means({ layers }), SCALED, { atol: 1e-6 });
  });

  const front = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 })];
  const [mean, variance] = [
    [0.4, 0.5, 0.6],
    [0.04, 0.09, 0.25],
  ] as const;
  const normalised = SCALED.map((x, c) => (x - mean[c]!) / Math.sqrt(variance[c]!));

  test('Normalization by weights, as Keras 2 keeps them', async () => {
    const normalization = layer('Normalization', { name: 'normalization', axis: [-1], mean: null });
    const weights = {
      'normalization/mean': [[3], mean],
      'normalization/variance': [[3], variance],
      'normalization/count': [[1], [7]],
    } as const;
    assertAllClose(await means({ layers: [...front, normalization], weights }), normalised, { atol: 1e-5 });
  });

  test('Normalization by its config, and a Rescaling behind it', async () => {
    const normalization = layer('Normalization', { axis: -1, mean: [[[mean]]], variance: [[[variance]]] });
    const again = layer('Rescaling', { name: 'again', scale: [1, 2, 3], offset: 0.5 });
    assertAllClose(
      await means({ layers: [...front, normalization, again] }),
      normalised.map((x, c) => (c + 1) * x + 0.5),
      { atol: 1e-5 },
    );
  });

  test('Normalization with one mean and variance for all channels', async () => {
    const weights = { 'normalization/mean': [[], [0.4]], 'normalization/variance': [[], [0.04]] } as const;
    const normalization = layer('Normalization', { axis: [], mean: null });
    const layers = [...front, normalization];
    assertAllClose(
      await means({ layers, weights }),
      SCALED.map((x) => (x - 0.4) / 0.2),
      { atol: 1e-5 },
    );
  });

  test('Normalization of pixels as they come: how they are prepared', async () => {
    const bytes = { mean: mean.map((x) => 255 * x), variance: variance.map((x) => 255 ** 2 * x) };
    const folder = await folderOf({
      layers: [input(SIZE, SIZE, 3), layer('Normalization', { axis: -1, ...bytes })],
    });
    const { preprocessing } = await readModelFolder(folder);
    assertAllClose(preprocessing!.mean, mean, { rtol: 1e-6 });
    assertAllClose(preprocessing!.std, variance.map(Math.sqrt), { rtol: 1e-6 }); // prettier-ignore
  });

  test('Normalization of pixels that were divided outside of the network: a layer, and nothing is known of them', async () => {
    const folder = await folderOf({
      layers: [input(SIZE, SIZE, 3), layer('Normalization', { axis: -1, mean, variance })],
    });
    assert.equal((await readModelFolder(folder)).preprocessing, undefined);
    const unequal = await folderOf({
      layers: [...front, layer('Normalization', { axis: -1, mean: [1, 2], variance })],
    });
    await assert.rejects(readModelFolder(unequal), /has 2 means and 3 variances/);
  });

  test("LayerScale and StochasticDepth of Keras's ConvNeXt", async () => {
    const factors = layer('LayerScale', { name: 'scale', init_values: 1e-6, projection_dim: 3 });
    const layers = [...front, factors, layer('StochasticDepth', { drop_path_rate: 0.5 })];
    const actual = await means({ layers, weights: { 'scale/gamma': [[3], [2, -1, 0.5]] } });
    assertAllClose(actual, [2 * SCALED[0]!, -SCALED[1]!, 0.5 * SCALED[2]!], { atol: 1e-6 });
  });

  test('a network that rescales its pixels and is not square keeps its height and width', async () => {
    const folder = await folderOf({ layers: [input(8, 12, 3), layer('Rescaling', { scale: 1 / 255 })] });
    const { preprocessing } = await readModelFolder(folder);
    assert.deepEqual([preprocessing!.size, preprocessing!.mode], [[8, 12], 'squash']);
  });

  test('a resize to the size that there is does nothing, and the middle is cut out', async () => {
    const whole = [
      layer('Resizing', { height: SIZE, width: SIZE }),
      layer('CenterCrop', { height: 5, width: 4 }),
    ];
    const folder = await folderOf({ layers: [input(SIZE, SIZE, 3), ...whole] });
    const { graph } = await readModelFolder(folder);
    assert.deepEqual(graph.layers.at(-1), { kind: 'cropping2d', name: 'centercrop', inputs: ['inputlayer'], crop: { top: 1, bottom: 2, left: 2, right: 2 } }); // prettier-ignore
    const other = await folderOf({
      layers: [input(SIZE, SIZE, 3), layer('Resizing', { height: 4, width: 4 })],
    });
    await assert.rejects(readModelFolder(other), {
      code: 'MODEL_UNSUPPORTED',
      message: /resizes pictures inside/,
    });
  });

  test('a grey input gets the luma of the picture', async () => {
    const layers = [input(SIZE, SIZE, 1), layer('Rescaling', { scale: 1 / 255 })];
    const luma = 0.299 * SCALED[0]! + 0.587 * SCALED[1]! + 0.114 * SCALED[2]!;
    assertAllClose(await means({ layers }), [luma], { atol: 1e-6 });
  });

  test('an input keeps its height and width; what it leaves open is the other side, or 224', async () => {
    const cases = [
      [[48, 96, 3], [48, 96]],
      [[96, 48, 1], [96, 48]],
      [[null, 48, 3], [48, 48]],
      [[null, null, 3], [224, 224]],
    ] as const; // prettier-ignore
    for (const [given, read] of cases) {
      const { graph } = await readModelFolder(await folderOf({ layers: [input(...given)] }));
      assert.deepEqual(inferShapes(graph).get(graph.input)!.slice(0, 2), read);
    }
  });
});

test('layers that only move numbers, layer norm, PReLU and rescaling are read as they are written', () => {
  const b = graphBuilder('written', SIZE);
  let x = b.cropping2d(b.input, 'crop', { top: 1, bottom: 0, left: 2, right: 1 });
  x = b.permute(b.layerNormalization(x, 'norm', { epsilon: 1e-6 }), 'columns', [1, 3, 2]);
  x = b.rescaling(b.rescaling(b.prelu(x, 'slopes'), 'scaled', 0.17), 'moved', 2, -1);
  const graph = b.build(b.flatten(b.shuffleChannels(x, 'shuffled', 5), 'flat'));
  assert.deepEqual(graphOf(topologyOf(graph), 'written').graph.layers, graph.layers);
});

test('a rescaling of pixels is a layer in what finch wrote, and a preparation in what others did', () => {
  const b = graphBuilder('divides', SIZE);
  const graph = b.build(b.flatten(b.rescaling(b.input, 'divided', 1 / 255), 'flat'));
  const kept = graphOf(topologyOf(graph), 'divides', 'kept');
  assert.deepEqual([kept.graph.layers, kept.rescaling], [graph.layers, undefined]);
  assert.deepEqual(graphOf(topologyOf(graph), 'divides').rescaling?.std, [1, 1, 1]);
});

describe('operations of Keras 3', () => {
  const tensor = (name: string) => ({ class_name: '__keras_tensor__', config: { shape: [null, SIZE, SIZE, 3], dtype: 'float32', keras_history: [name, 0, 0] } }); // prettier-ignore
  interface Step {
    readonly class_name: string;
    readonly args: readonly unknown[];
    readonly config?: Readonly<Record<string, unknown>>;
  }
  /** A functional model of these steps, called a, b, c … */
  const functional = (steps: readonly Step[]) => {
    const named = steps.map(({ args, config, class_name }, i) => {
      const name = 'abcdefg'[i]!;
      return { class_name, name, config: { name, ...config }, inbound_nodes: [{ args, kwargs: {} }] };
    });
    const first = { ...input(SIZE, SIZE, 3), name: 'inputlayer', inbound_nodes: [] };
    const last = named.at(-1)!.name;
    const config = { name: 'm', layers: [first, ...named], input_layers: ['inputlayer', 0, 0], output_layers: [last, 0, 0] }; // prettier-ignore
    return graphOf({ keras_version: '3.4.1', model_config: { class_name: 'Functional', config } }, 'm');
  };
  const x = tensor('inputlayer');
  const array = (value: unknown) => ({ class_name: '__tensor__', config: { value, dtype: 'float32' } });

  test('numbers at the front are the preparation of the pixels, later ones a layer', () => {
    const { graph, rescaling } = functional([
      { class_name: 'TrueDivide', args: [x, 127.5] },
      { class_name: 'Subtract', args: [tensor('a'), 1] },
      { class_name: 'Subtract', args: [2, tensor('b')] },
      { class_name: 'Multiply', args: [0.5, tensor('c')] },
    ]);
    assert.deepEqual(rescaling, { mean: [-0, -0, -0], std: [0.5, 0.5, 0.5] });
    assert.deepEqual(graph.layers.slice(1), [
      { kind: 'rescaling', name: 'b', inputs: ['inputlayer'], scale: 1, offset: -1 },
      { kind: 'rescaling', name: 'c', inputs: ['b'], scale: -1, offset: 2 },
      { kind: 'rescaling', name: 'd', inputs: ['c'], scale: 0.5, offset: 0 },
    ]);
  });

  test('a number for each channel, sums of layers, functions', () => {
    const { graph, fixed } = functional([
      { class_name: 'TrueDivide', args: [x, 255] },
      { class_name: 'Add', args: [tensor('a'), array([[[[1, 2, 3]]]])] },
      { class_name: 'Relu6', args: [tensor('b')] },
      { class_name: 'Add', args: [tensor('b'), tensor('c')] },
      { class_name: 'Softmax', args: [tensor('d')], config: { axis: -1 } },
    ]);
    assert.deepEqual([fixed.get('b/gamma'), fixed.get('b/beta')], [[1, 1, 1], [1, 2, 3]]); // prettier-ignore
    assert.deepEqual(graph.layers.slice(2).map(({ kind, inputs }) => [kind, ...inputs]), [
      ['activation', 'b'],
      ['add', 'b', 'c'],
      ['activation', 'd'],
    ]); // prettier-ignore
  });

  test('pixels that two layers take as they come are prepared by neither', () => {
    const { rescaling, graph } = functional([
      { class_name: 'Multiply', args: [x, 2] },
      { class_name: 'Add', args: [tensor('a'), x] },
    ]);
    assert.equal(rescaling, undefined);
    assert.deepEqual(graph.layers[1], {
      kind: 'rescaling',
      name: 'a',
      inputs: ['inputlayer'],
      scale: 2,
      offset: 0,
    });
  });

  for (const [what, step, message] of [
    [
      'a number above a layer',
      { class_name: 'TrueDivide', args: [2, x] },
      /finch computes sums and products/,
    ],
    ['a difference of layers', { class_name: 'Subtract', args: [x, x] }, /finch computes sums and products/],
    [
      'a number that is none',
      {
        class_name: 'Multiply',
        args: [
          x,
          array([
            [1, 2],
            [3, 4],
          ]),
        ],
      },
      /is applied to \{"class_name":"__tensor__"/,
    ],
    ['a layer with a number', { class_name: 'Relu', args: [x, 2] }, /finch does not know Relu with a number/],
    [
      'the approximation of gelu',
      { class_name: 'Gelu', args: [x], config: { approximate: true } },
      /approximate=False only/,
    ],
    [
      'a softmax over rows',
      { class_name: 'Softmax', args: [x], config: { axis: 1 } },
      /axis must be the last one, received 1/,
    ],
    [
      'a batch norm over rows',
      { class_name: 'BatchNormalization', args: [x], config: { axis: 1 } },
      /axis must be the last one, received 1/,
    ],
    [
      'a layer norm of all',
      { class_name: 'LayerNormalization', args: [x], config: { axis: [1, 2, 3] } },
      /axis must be the last one, received \[1,2,3\]/,
    ],
  ] as const) {
    // prettier-ignore
    test(`refused: ${what}`, () => assert.throws(() => functional([step]), { code: 'MODEL_UNSUPPORTED', message }));
  }
});

const scaling = (name: string) => layer('DepthwiseConv2D', { name, kernel_size: [1, 1], use_bias: false });
const factor = (value: number) =>
  [
    [1, 1, 3, 1],
    [value, value, value],
  ] as const;
const inner = (name: string, ...layers: readonly KerasLayer[]) => layer('Sequential', { name, layers });

describe('layers of the same name', () => {
  const expected = SCALED.map((x) => x * 2 * 3 * 5);
  test('in a model within the model, and outside', async () => {
    const layers = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 }), inner('base', scaling('a')), scaling('a')]; // prettier-ignore
    const weights = { 'base/a/depthwise_kernel': factor(6), 'a/depthwise_kernel': factor(5) };
    assertAllClose(await means({ layers, weights }), expected, { rtol: 1e-5 });
  });
  test('in two models, and two deep', async () => {
    const layers = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 }), inner('one', inner('deep', scaling('a')), scaling('b')), inner('two', scaling('a'))]; // prettier-ignore
    const weights = { 'one/deep/a/depthwise_kernel': factor(2), 'b/depthwise_kernel': factor(3), 'two/a/depthwise_kernel': factor(5) }; // prettier-ignore
    assertAllClose(await means({ layers, weights }), expected, { rtol: 1e-5 });
  });
  test('as the part that finch adds to another one', async () => {
    const relu = { ...scaling('a'), config: { ...scaling('a').config, activation: 'relu' } };
    const layers = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 }), relu, scaling('a/linear')];
    const weights = { 'a/depthwise_kernel': factor(6), 'a/linear/depthwise_kernel': factor(5) };
    assertAllClose(await means({ layers, weights }), expected, { rtol: 1e-5 });
  });
});

test('a name that TensorFlow.js would refuse is written otherwise, and the weights are found', async () => {
  for (const name of ['层', 'a b', '_a', '/a', 'a:0', '', 'constructor', '__proto__', '\u202ea\n']) {
    const layers = [input(SIZE, SIZE, 3), layer('Rescaling', { scale: 1 / 255 }), scaling(name)];
    const folder = await folderOf({ layers, weights: { [`${name}/depthwise_kernel`]: factor(3) } });
    const out = path.join(scratch, `plain${count++}`);
    await writeModelFolder(out, await readModelFolder(folder), { dtype: 'float32' });
    const official = await openOfficially(out);
    const x = tf.ones([1, SIZE, SIZE, 3]).mul(0.5);
    assertAllClose([...(official.predict(x) as tf.Tensor).dataSync()], Array.from(x.dataSync(), () => 1.5), { rtol: 1e-5 }); // prettier-ignore
  }
});

test('inputs and outputs that have names of their own', () => {
  const layers = [
    { ...input(SIZE, SIZE, 3), name: 'inputlayer', inbound_nodes: [] },
    { ...layer('GlobalAveragePooling2D', { name: 'pool' }), name: 'pool', inbound_nodes: [[['inputlayer', 0, 0, {}]]] },
  ];
  const config = { name: 'm', layers, input_layers: { image: ['inputlayer', 0, 0] }, output_layers: { probabilities: ['pool', 0, 0] } };
  assert.equal(graphOf({ class_name: 'Functional', config }, 'm').graph.output, 'pool');
}); // prettier-ignore

test('a model that was built without the shape of its input, as Keras 2 and Keras 3 say it', () => {
  const layers = [layer('Rescaling', { scale: 1 / 255 }), scaling('a')];
  const shape = [null, SIZE, SIZE, 3];
  for (const config of [
    { config: { name: 'm', layers, build_input_shape: shape } },
    { config: { name: 'm', layers }, build_config: { input_shape: shape } },
  ]) {
    // prettier-ignore
    const { graph } = graphOf({ model_config: { class_name: 'Sequential', ...config } }, 'm');
    assert.deepEqual(inferShapes(graph).get('a'), [SIZE, SIZE, 3]);
  }
});

test('a model at the front of one that was built later has an input of its own', () => {
  const shape = [null, SIZE, SIZE, 3];
  const base = layer('Sequential', { name: 'base', layers: [{ ...input(SIZE, SIZE, 3) }, scaling('a')] });
  const config = { name: 'm', layers: [base, layer('GlobalAveragePooling2D', { name: 'pool' })], build_input_shape: shape };
  const { graph } = graphOf({ model_config: { class_name: 'Sequential', config } }, 'm');
  assert.equal(graph.input, input(SIZE, SIZE, 3).config.name);
}); // prettier-ignore

test('what would be computed otherwise is refused: means left in, weights of whole numbers', () => {
  for (const [refused, message] of [
    [layer('LayerNormalization', { rms_scaling: true }), /rms_scaling/],
    [layer('Dense', { units: 2, dtype: { class_name: 'QuantizedDTypePolicy', config: { mode: 'int8' } } }), /has quantized weights \(QuantizedDTypePolicy\)/], // prettier-ignore
  ] as const) {
    const config = { layers: [input(SIZE, SIZE, 3), refused] };
    assert.throws(() => graphOf({ class_name: 'Sequential', config }, 'm'), { code: 'MODEL_UNSUPPORTED', message }); // prettier-ignore
  }
});

test('SeparableConv2D is what TensorFlow.js makes of it', async () => {
  const separable = { kernel_size: [3, 3], filters: 4, depth_multiplier: 2, strides: [2, 2], padding: 'same', activation: 'relu' }; // prettier-ignore
  const numbers = (length: number) => Array.from({ length }, (_, i) => Math.sin(i + 1));
  const weights = {
    'separableconv2d/depthwise_kernel': [[3, 3, 3, 2], numbers(54)],
    'separableconv2d/pointwise_kernel': [[1, 1, 6, 4], numbers(24)],
    'separableconv2d/bias': [[4], numbers(4)],
  } as const;
  const pixels = new Uint8Array(madeUpPixels('separable', SIZE, SIZE));
  const layers = [input(SIZE, SIZE, 3), layer('SeparableConv2D', separable)];
  const expected = tf.tidy(() => {
    const [depthwise, pointwise, bias] = Object.values(weights).map(([shape, values]) =>
      tf.tensor([...values], [...shape]),
    ) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor];
    const picture = tf.tensor4d(pixels, [1, SIZE, SIZE, 3], 'int32').toFloat().div<tf.Tensor4D>(255);
    return tf.separableConv2d(picture, depthwise, pointwise, 2, 'same').add(bias).relu().mean([1, 2]).dataSync(); // prettier-ignore
  });
  assertAllClose(await means({ layers, weights }, pixels), expected, { rtol: 1e-5 });
});

describe('one output', () => {
  const kernel = [[3, 1], [1, -2, 0.5]] as const; // prettier-ignore
  const logit = SCALED[0]! - 2 * SCALED[1]! + 0.5 * SCALED[2]!;
  const p = 1 / (1 + Math.exp(-logit));
  for (const activation of ['linear', 'sigmoid']) {
    test(`${activation}: how likely the second of two classes is`, async () => {
      const folder = await folderOf({
        layers: [
          input(SIZE, SIZE, 3),
          layer('GlobalAveragePooling2D'),
          layer('Dense', { units: 1, use_bias: false, activation }),
        ],
        weights: { 'dense/kernel': kernel },
      });
      const output = outputOfModel(await readModelFolder(folder));
      assert.equal(output.classes, 2);
      const row = await outputOn(folder, PIXELS);
      assertAllClose(classProbabilities(output, row), [1 - p, p], { atol: 1e-6 });
    });
  }
});

test('a graph model without a format is called one', async () => {
  const folder = path.join(scratch, 'graph');
  await mkdir(folder);
  const json = { modelTopology: { node: [{ name: 'images', op: 'Placeholder' }] }, weightsManifest: [] };
  await writeFile(path.join(folder, 'model.json'), JSON.stringify(json));
  await assert.rejects(
    readModelFolder(folder),
    /is a graph-model of TensorFlow.js, .*; take the model that it was made from/,
  );
});

describe('what finch writes of a Keras network it reads again', () => {
  const values = (...shape: readonly number[]): readonly [readonly number[], readonly number[]] => [
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i + 1)),
  ];
  const dense = layer('Dense', { name: 'd', units: 4, activation: 'softmax' });
  const ofDense = { 'd/kernel': values(3, 4), 'd/bias': values(4) };
  const conv = { kernel_size: [3, 3], strides: [1, 1], padding: 'same', use_bias: false };
  const cases: Readonly<Record<string, Written>> = {
    'a dense layer with its own softmax': { layers: [layer('GlobalAveragePooling2D'), dense], weights: ofDense },
    'a mean that keeps its places': {
      layers: [layer('GlobalAveragePooling2D', { keepdims: true }), layer('Flatten'), dense],
      weights: ofDense,
    },
    'a convolution with its own relu': {
      layers: [layer('Conv2D', { name: 'c', filters: 3, activation: 'relu', ...conv }), layer('GlobalAveragePooling2D'), dense],
      weights: { 'c/kernel': values(3, 3, 3, 3), ...ofDense },
    },
    'a depthwise convolution with its own relu': {
      layers: [layer('DepthwiseConv2D', { name: 'c', activation: 'relu', depth_multiplier: 1, ...conv }), layer('GlobalAveragePooling2D'), dense],
      weights: { 'c/depthwise_kernel': values(3, 3, 3, 1), ...ofDense },
    },
    'a separable convolution': {
      layers: [layer('SeparableConv2D', { name: 'c', filters: 3, depth_multiplier: 2, ...conv }), layer('GlobalAveragePooling2D'), dense],
      weights: { 'c/depthwise_kernel': values(3, 3, 3, 2), 'c/pointwise_kernel': values(1, 1, 6, 3), ...ofDense },
    },
    'a separable convolution with its own relu': {
      layers: [layer('SeparableConv2D', { name: 'c', filters: 3, depth_multiplier: 1, activation: 'relu', ...conv }), layer('GlobalAveragePooling2D'), dense],
      weights: { 'c/depthwise_kernel': values(3, 3, 3, 1), 'c/pointwise_kernel': values(1, 1, 3, 3), ...ofDense },
    },
    'a PReLU and a layer norm': {
      layers: [layer('PReLU', { name: 'p', shared_axes: [1, 2] }), layer('LayerNormalization', { name: 'n', axis: [-1] }), layer('GlobalAveragePooling2D'), dense],
      weights: { 'p/alpha': values(1, 1, 3), 'n/gamma': values(3), 'n/beta': values(3), ...ofDense },
    },
    'a Normalization in the middle': {
      layers: [layer('Activation', { activation: 'relu' }), layer('Normalization', { name: 'z', axis: [-1], mean: [0.1, 0.2, 0.3], variance: [1, 2, 3] }), layer('GlobalAveragePooling2D'), dense],
      weights: ofDense,
    },
    'two layers of one tail': {
      layers: [layer('GlobalAveragePooling2D'), layer('Dense', { name: 'a/d', units: 3, activation: 'relu' }), dense],
      weights: { 'a/d/kernel': values(3, 3), 'a/d/bias': values(3), ...ofDense },
    },
  }; // prettier-ignore
  for (const [what, { layers, weights }] of Object.entries(cases)) {
    test(what, async () => {
      const folder = await folderOf({
        layers: [input(SIZE, SIZE, 3), ...layers],
        ...(weights && { weights }),
      });
      const again = `${folder}-again`;
      await writeModelFolder(again, await readModelFolder(folder), { dtype: 'float32' });
      assert.deepEqual(await outputOn(again, PIXELS), await outputOn(folder, PIXELS));
      const third = `${folder}-third`;
      await writeModelFolder(third, await readModelFolder(again), { dtype: 'float32' });
      assert.deepEqual(await outputOn(third, PIXELS), await outputOn(folder, PIXELS));
    });
  }
});
