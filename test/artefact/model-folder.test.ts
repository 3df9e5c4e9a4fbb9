// Model folders against the official TensorFlow.js: it opens every one that is written here and computes the same, and the
// ones that it writes are read here.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { readModelFolder, verifyModelFolder, writeModelFolder } from '../../src/artefact/model-folder.ts';
import type { Model } from '../../src/artefact/model.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import type { Graph, Layer } from '../../src/graph/layers.ts';
import { outputOf } from '../../src/graph/output.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import type { Preprocessing } from '../../src/util/preprocessing.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';
import { officialLogits, openOfficially } from '../helpers/official-tfjs.ts';

let scratch = '';
before(async () => {
  await tf.setBackend('cpu');
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-artefact-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function ourOutput(
  model: Model,
  pixels: Uint8Array,
  size: number,
  { mean, std }: Pick<Preprocessing, 'mean' | 'std'> = HALF,
) {
  const engine = await createOnnxEngine({ device: 'cpu' });
  const predictor = await engine.load({ ...model, mean, std }, { size: [size, size] });
  const [result] = await predictor.run({ data: pixels, count: 1, height: size, width: size });
  await predictor.dispose();
  return result!.data;
}

/** A network of the zoo at a small size, so that JavaScript can run it. */
function smallModel(architecture: string, size: number, classes: number): Model {
  const full = findArchitecture(architecture).build(classes);
  const layers = full.layers.map((layer) =>
    layer.kind === 'input' ? { ...layer, shape: [size, size, 3] } : layer,
  );
  const graph = { ...full, layers };
  return {
    name: 'small',
    graph,
    weights: madeUpWeights(graph),
    preprocessing: { size, resize: size + 4, mode: 'crop', interpolation: 'bicubic', ...HALF },
    labels: { set: 'own', names: Array.from({ length: classes }, (_, i) => `类 ${i}`) },
    architecture,
    classifier: findArchitecture(architecture).classifier,
    provenance: { source: 'a test', licence: 'none' },
  };
}

describe('folders written here', () => {
  for (const architecture of ['efficientnet_lite0', 'resnet18', 'resnet50']) {
    for (const dtype of ['float32', 'float16'] as const) {
      test(`${architecture}, ${dtype}: TensorFlow.js gives the same logits, and reading gives back the model`, async () => {
        const size = 48;
        const model = smallModel(architecture, size, 5);
        const folder = path.join(scratch, `${architecture}-${dtype}`);
        await writeModelFolder(folder, model, { dtype });
        assert.ok(
          (await readdir(folder)).filter((name) => name.endsWith('.bin')).length > 1,
          'several shards',
        );

        const read = await readModelFolder(folder);
        const { weights: _, ...rest } = read;
        const { weights: __, ...expected } = model;
        assert.deepEqual(rest, { ...expected, graph: { ...expected.graph, name: 'small' } });

        const pixels = madeUpPixels('artefact', size, size);
        const official = await openOfficially(folder);
        const theirs = officialLogits(official, pixels, size, HALF);
        official.dispose();
        assertAllClose(await ourOutput(read, pixels, size), theirs, { rtol: 1e-4 }, 'read back');
        const tolerance = dtype === 'float32' ? 1e-4 : 1e-2;
        assertAllClose(await ourOutput(model, pixels, size), theirs, { rtol: tolerance }, 'as it was');
      });
    }
  }

  test("finch's own activations are read back as they were, once", async () => {
    const model = smallModel('mobilenet_v3_small', 32, 2);
    const folder = path.join(scratch, 'hard');
    await writeModelFolder(folder, model, { dtype: 'float32' });
    assert.deepEqual((await readModelFolder(folder)).graph.layers, model.graph.layers);
  });

  test('the shipped network opens in TensorFlow.js and gives the same logits', async () => {
    const folder = path.join(PACKAGE_ROOT, 'models', 'efficientnet_lite0');
    const model = await readModelFolder(folder);
    const pixels = madeUpPixels('shipped', 224, 224);
    const { mean, std } = model.preprocessing!;
    const official = await openOfficially(folder);
    const theirs = officialLogits(official, pixels, 224, { mean, std });
    official.dispose();
    assertAllClose(await ourOutput(model, pixels, 224, { mean, std }), theirs, { rtol: 1e-4 });
    assert.deepEqual(await verifyModelFolder(folder), []);
  });

  test('a folder of the same name keeps what is not of a model', async () => {
    const folder = path.join(scratch, 'replaced');
    await mkdir(folder);
    await writeFile(path.join(folder, 'old'), '');
    await writeModelFolder(folder, smallModel('resnet18', 32, 2), { dtype: 'float16' });
    assert.ok(existsSync(path.join(folder, 'old')));
    assert.equal((await readModelFolder(folder)).weights.size > 0, true);
    assert.deepEqual(
      (await readdir(scratch)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});

describe('damaged folders', () => {
  let whole = '';
  before(async () => {
    whole = path.join(scratch, 'whole');
    await writeModelFolder(whole, smallModel('efficientnet_lite0', 32, 2), { dtype: 'float32' });
  });

  const damage = async (name: string, how: (folder: string) => Promise<void>) => {
    const folder = path.join(scratch, name);
    await cp(whole, folder, { recursive: true });
    await how(folder);
    return folder;
  };
  const refused = async (folder: string, code: AppError['code'], message: RegExp) => {
    await assert.rejects(readModelFolder(folder), (error) => {
      assert.ok(error instanceof AppError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  };
  const rewrite = async (folder: string, change: (json: Record<string, any>) => void) => {
    const file = path.join(folder, 'model.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, any>;
    change(json);
    await writeFile(file, JSON.stringify(json));
  };

  test('a missing shard', async () => {
    const folder = await damage('missing', (f) => rm(path.join(f, 'group1-shard2of4.bin')));
    await refused(folder, 'MODEL_INVALID', /shard group1-shard2of4\.bin is missing/);
  });
  test('a short shard', async () => {
    const folder = await damage('short', (f) => truncate(path.join(f, 'group1-shard1of4.bin'), 1000));
    await refused(folder, 'MODEL_INVALID', /hold \d+ bytes, the manifest promises \d+/);
  });
  test('a changed byte is found by verify', async () => {
    const folder = await damage('changed', async (f) => {
      const file = path.join(f, 'group1-shard3of4.bin');
      const bytes = await readFile(file);
      bytes[1000]! ^= 1;
      await writeFile(file, bytes);
    });
    assert.match((await verifyModelFolder(folder)).join(), /group1-shard3of4\.bin: sha256 is/);
  });
  test('a shard outside the folder', async () => {
    const folder = await damage('outside', (f) =>
      rewrite(f, (json) => (json['weightsManifest'][0].paths[0] = '../../etc/passwd')),
    );
    await refused(folder, 'MODEL_INVALID', /does not lie in the model's folder/);
  });
  test('a manifest that asks for all memory', async () => {
    const folder = await damage('huge', (f) =>
      rewrite(f, (json) => (json['weightsManifest'][0].weights[0].shape = [1e6, 1e6])),
    );
    await refused(folder, 'MODEL_INVALID', /the manifest asks for/);
  });
  test('a topology that does not fit its weights', async () => {
    const folder = await damage('misfit', (f) =>
      rewrite(f, (json) => (json['modelTopology'].model_config.config.layers[1].config.filters = 31)),
    );
    await refused(
      folder,
      'MODEL_INVALID',
      /'conv_stem\/kernel' is \[3,3,3,32\], the topology expects \[3,3,3,31\]/,
    );
  });
  test('no JSON, no model.json, a graph model', async () => {
    await refused(
      await damage('text', (f) => writeFile(path.join(f, 'model.json'), '{')),
      'MODEL_INVALID',
      /is not JSON/,
    );
    await refused(
      await damage('none', (f) => rm(path.join(f, 'model.json'))),
      'MODEL_NOT_FOUND',
      /has no model\.json/,
    );
    await refused(
      await damage('graph', (f) => rewrite(f, (json) => (json['format'] = 'graph-model'))),
      'MODEL_UNSUPPORTED',
      /is a graph-model of TensorFlow.js, .*; take the model that it was made from/,
    );
  });
  test('a layer that finch does not know is named', async () => {
    const folder = await damage('unknown', (f) =>
      rewrite(f, (json) => (json['modelTopology'].model_config.config.layers[1].class_name = 'LSTM')),
    );
    await refused(folder, 'MODEL_UNSUPPORTED', /does not know layers of class 'LSTM'/);
  });
});

/** Saves a TensorFlow.js model as tf.io's file handler would. */
async function saveOfficially(model: tf.LayersModel, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const manifest = [{ paths: ['weights.bin'], weights: weightSpecs! }];
      await writeFile(
        path.join(folder, 'model.json'),
        JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest: manifest }),
      );
      await writeFile(path.join(folder, 'weights.bin'), Buffer.from(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
}

/** What Keras's MobileNet (v1) is made of, at a small size. */
function mobilenet(size: number, classes: number): tf.LayersModel {
  const l = tf.layers;
  const input = tf.input({ shape: [size, size, 3] });
  let x = l.zeroPadding2d({ padding: [[0, 1], [0, 1]], name: 'conv1_pad' }).apply(input) as tf.SymbolicTensor; // prettier-ignore
  x = l
    .conv2d({ filters: 8, kernelSize: 3, strides: 2, useBias: false, name: 'conv1' })
    .apply(x) as tf.SymbolicTensor;
  x = l.batchNormalization({ name: 'conv1_bn' }).apply(x) as tf.SymbolicTensor;
  x = l.reLU({ maxValue: 6, name: 'conv1_relu' }).apply(x) as tf.SymbolicTensor;
  for (const [i, filters] of [12, 16].entries()) {
    x = l
      .depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false, name: `conv_dw_${i}` })
      .apply(x) as tf.SymbolicTensor;
    x = l.batchNormalization({ name: `conv_dw_${i}_bn` }).apply(x) as tf.SymbolicTensor;
    x = l.activation({ activation: 'relu6', name: `conv_dw_${i}_relu` }).apply(x) as tf.SymbolicTensor;
    x = l
      .conv2d({ filters, kernelSize: 1, activation: 'relu', name: `conv_pw_${i}` })
      .apply(x) as tf.SymbolicTensor;
  }
  x = l.globalAveragePooling2d({ name: 'pool' }).apply(x) as tf.SymbolicTensor;
  x = l.reshape({ targetShape: [1, 1, 16], name: 'reshape_1' }).apply(x) as tf.SymbolicTensor;
  x = l.dropout({ rate: 0.001, name: 'dropout' }).apply(x) as tf.SymbolicTensor;
  x = l
    .conv2d({ filters: classes, kernelSize: 1, padding: 'same', name: 'conv_preds' })
    .apply(x) as tf.SymbolicTensor;
  x = l.reshape({ targetShape: [classes], name: 'reshape_2' }).apply(x) as tf.SymbolicTensor;
  x = l.softmax({ name: 'act_softmax' }).apply(x) as tf.SymbolicTensor;
  return tf.model({ inputs: input, outputs: x, name: 'mobilenet' });
}

describe('foreign folders', () => {
  test('a MobileNet as Keras builds it; its softmax is recognised', async () => {
    const official = mobilenet(32, 6);
    const folder = path.join(scratch, 'mobilenet');
    await saveOfficially(official, folder);
    const model = await readModelFolder(folder);
    assert.equal(outputOf(model.graph).activation, 'softmax');
    assert.equal(model.preprocessing, undefined);
    const pixels = madeUpPixels('foreign', 32, 32);
    assertAllClose(await ourOutput(model, pixels, 32), officialLogits(official, pixels, 32, HALF), {
      rtol: 1e-4,
    });
  });

  test('a Teachable Machine project: models within a sequential, labels and preprocessing beside it', async () => {
    const inner = tf.sequential({
      layers: [tf.layers.conv2d({ inputShape: [16, 16, 3], filters: 4, kernelSize: 3, activation: 'relu' })],
    });
    const pool = tf.sequential({ layers: [tf.layers.globalAveragePooling2d({ inputShape: [14, 14, 4] })] });
    const head = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [4], units: 8, activation: 'relu' }),
        tf.layers.dense({ units: 2, useBias: false, activation: 'softmax' }),
      ],
    });
    const official = tf.sequential({ layers: [inner, pool, head] });
    const folder = path.join(scratch, 'teachable');
    await saveOfficially(official, folder);
    await writeFile(
      path.join(folder, 'metadata.json'),
      JSON.stringify({ packageName: '@teachablemachine/image', labels: ['杯子', 'cup'], imageSize: 16 }),
    );
    const model = await readModelFolder(folder);
    assert.deepEqual(model.labels, { set: 'own', names: ['杯子', 'cup'] });
    assert.equal(model.preprocessing?.size, 16);
    const pixels = madeUpPixels('teachable', 16, 16);
    const { mean, std } = model.preprocessing;
    const theirs = officialLogits(official, pixels, 16, { mean, std });
    assertAllClose(await ourOutput(model, pixels, 16, { mean, std }), theirs, { rtol: 1e-4 });
  });

  test('quantised to uint8, as tensorflowjs_converter does', async () => {
    const official = mobilenet(32, 6);
    const folder = path.join(scratch, 'quantised');
    await saveOfficially(official, folder);
    const file = path.join(folder, 'model.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as { weightsManifest: { weights: any[] }[] };
    const bytes = await readFile(path.join(folder, 'weights.bin'));
    const floats = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const stored: number[] = [];
    let at = 0;
    for (const weight of json.weightsManifest[0]!.weights) {
      const count = (weight.shape as number[]).reduce((a, b) => a * b, 1);
      const values = floats.subarray(at, (at += count));
      const min = Math.min(...values);
      const scale = (Math.max(...values) - min) / 255 || 1;
      weight.quantization = { dtype: 'uint8', scale, min, original_dtype: 'float32' };
      stored.push(...Array.from(values, (value) => Math.round((value - min) / scale)));
    }
    await writeFile(file, JSON.stringify(json));
    await writeFile(path.join(folder, 'weights.bin'), Uint8Array.from(stored));
    const pixels = madeUpPixels('quantised', 32, 32);
    const reopened = await openOfficially(folder);
    assertAllClose(
      await ourOutput(await readModelFolder(folder), pixels, 32),
      officialLogits(reopened, pixels, 32, HALF),
      { rtol: 1e-4 },
    );
  });

  test('a rescaling at the front of a folder of finch that does not say how pictures are prepared', async () => {
    const folder = path.join(scratch, 'unprepared');
    const layers: readonly Layer[] = [
      { kind: 'input', name: 'in', inputs: [], shape: [8, 8, 3] },
      { kind: 'rescaling', name: 're', inputs: ['in'], scale: 1 / 255, offset: 0 },
      { kind: 'globalAveragePooling2d', name: 'gap', inputs: ['re'] },
      { kind: 'dense', name: 'a.b', inputs: ['gap'], units: 2, useBias: false },
    ];
    const graph: Graph = { name: 'm', layers, input: 'in', output: 'a.b' };
    const model = { name: 'm', graph, weights: madeUpWeights(graph) };
    await writeModelFolder(folder, model, { dtype: 'float32' });
    const { preprocessing, graph: read } = await readModelFolder(folder);
    assert.deepEqual([preprocessing?.mean, preprocessing?.std], [[0, 0, 0], [1 / 255, 1 / 255, 1 / 255]]); // prettier-ignore
    assert.deepEqual(read.layers.map(({ name }) => name), ['in', 're', 'gap', 'a.b']); // prettier-ignore
  });

  test("Keras 3's way of writing connections, and a Rescaling at the front", async () => {
    const folder = path.join(scratch, 'keras3');
    await mkdir(folder);
    const tensor = (layer: string) => [{ args: [{ class_name: '__keras_tensor__', config: { shape: [null, 8, 8, 3], keras_history: [layer, 0, 0] } }], kwargs: {} }]; // prettier-ignore
    const layers = [
      {
        class_name: 'InputLayer',
        config: { batch_shape: [null, 8, 8, 3], name: 'in' },
        name: 'in',
        inbound_nodes: [],
      },
      {
        class_name: 'Rescaling',
        config: { name: 're', scale: 1 / 127.5, offset: -1 },
        name: 're',
        inbound_nodes: tensor('in'),
      },
      {
        class_name: 'GlobalAveragePooling2D',
        config: { name: 'gap', keepdims: false },
        name: 'gap',
        inbound_nodes: tensor('re'),
      },
      { class_name: 'Dense', config: { name: 'out', units: 2, use_bias: false, activation: 'sigmoid' }, name: 'out', inbound_nodes: tensor('gap') }, // prettier-ignore
    ];
    const config = { name: 'm', layers, input_layers: ['in', 0, 0], output_layers: ['out', 0, 0] };
    const modelTopology = { model_config: { class_name: 'Functional', config } };
    const weightsManifest = [
      { paths: ['w.bin'], weights: [{ name: 'out/kernel', shape: [3, 2], dtype: 'float32' }] },
    ];
    await writeFile(path.join(folder, 'model.json'), JSON.stringify({ modelTopology, weightsManifest }));
    await writeFile(path.join(folder, 'w.bin'), Buffer.from(Float32Array.of(1, 0, 0, 1, 0.5, 0.5).buffer));
    const model = await readModelFolder(folder);
    assert.equal(outputOf(model.graph).activation, 'sigmoid');
    assertAllClose(model.preprocessing!.mean, [0.5, 0.5, 0.5], { atol: 1e-12 });
    assertAllClose(model.preprocessing!.std, [0.5, 0.5, 0.5], { atol: 1e-12 });
    assert.deepEqual(inferShapes(model.graph).get(model.graph.output), [2]);
    const white = new Uint8Array(8 * 8 * 3).fill(255);
    const expected = 1 / (1 + Math.exp(-1.5));
    assertAllClose(await ourOutput(model, white, 8, model.preprocessing), [expected, expected], {
      atol: 1e-6,
    });
  });
});
