// Keras classes and versions of them that mean something of their own: by hand on pictures of one colour, or by TensorFlow.js.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { graphOf } from '../../src/artefact/keras-read.ts';
import { topologyOf } from '../../src/artefact/keras-write.ts';
import { readModelFolder } from '../../src/artefact/model-folder.ts';
import { outputOfModel } from '../../src/artefact/model.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { classProbabilities } from '../../src/graph/output.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
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
  await assert.rejects(readModelFolder(folder), /is a graph-model; finch reads layers-model/);
});
