// Foreign networks of operators that finch's graph does not have: run inside finch's graph they give what plain onnxruntime gives for
// the same file, in every layout, type and version.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Emitter } from '../../../src/engine/onnx/emitter.ts';
import { ForeignNodes } from '../../../src/engine/onnx/foreign-nodes.ts';
import { loadRuntime } from '../../../src/engine/onnx/runtime.ts';
import { createOnnxEngine } from '../../../src/engine/onnx/session.ts';
import { WeightPacker } from '../../../src/engine/onnx/weights.ts';
import { createTfjsEngine } from '../../../src/engine/tfjs/session.ts';
import { readOnnxModel } from '../../../src/formats/onnx-model.ts';
import { encodeModel, type Node } from '../../../src/formats/onnx-writer.ts';
import { embeddingLayer } from '../../../src/artefact/model.ts';
import { inferShapes } from '../../../src/graph/shapes.ts';
import { describeOnnx } from '../../../src/importers/onnx/interface.ts';
import { opaqueNetwork } from '../../../src/importers/onnx/opaque.ts';
import { withColoursReversed } from '../../../src/importers/onnx/reversed-colours.ts';
import { AppError } from '../../../src/util/errors.ts';
import { float32ToFloat16, float16ToFloat32 } from '../../../src/util/float16.ts';
import { assertAllClose } from '../../helpers/assert-all-close.ts';
import {
  ATTENTION_SIDE as SIDE,
  attentionOnnx,
  type AttentionOptions,
} from '../../helpers/attention-onnx.ts';
import { madeUpPixels } from '../../helpers/lcg.ts';

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
const COUNT = 3;
const PIXELS = madeUpPixels('three pictures', COUNT * SIDE, SIDE);

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-opaque-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

async function read(bytes: Uint8Array) {
  const file = path.join(scratch, 'network.onnx');
  await writeFile(file, bytes);
  return readOnnxModel(file);
}

const opened = async (bytes: Uint8Array, options: Partial<Parameters<typeof opaqueNetwork>[1]> = {}) =>
  opaqueNetwork(await read(bytes), { name: 'it', ...options });

/** What plain onnxruntime gives for a file, picture by picture. */
async function plainly(
  bytes: Uint8Array,
  { layout = 'NCHW', type = 'float32' }: AttentionOptions,
  output: string,
) {
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const rows: number[] = [];
  for (let n = 0; n < COUNT; n++) {
    const nhwc = PIXELS.subarray(n * SIDE * SIDE * 3, (n + 1) * SIDE * SIDE * 3);
    const pixels = layout === 'NHWC' ? nhwc : planes(nhwc);
    const numbers = Float32Array.from(pixels, (value) => value / 127.5 - 1);
    const data = { uint8: pixels, float32: numbers, float16: float32ToFloat16(numbers) }[type];
    const dims = layout === 'NHWC' ? [1, SIDE, SIDE, 3] : [1, 3, SIDE, SIDE];
    const [input] = session.inputNames as [string];
    const results = await session.run({ [input]: new Tensor(type as 'uint8', data as Uint8Array, dims) });
    const result = results[output]!.data;
    rows.push(
      ...(result instanceof Float32Array ? result : float16ToFloat32(result as unknown as Uint16Array)),
    );
  }
  await session.release();
  return Float32Array.from(rows);
}

const planes = (nhwc: Uint8Array) =>
  Uint8Array.from({ length: nhwc.length }, (_, i) => {
    const [channel, place] = [Math.floor(i / (SIDE * SIDE)), i % (SIDE * SIDE)];
    return nhwc[place * 3 + channel]!;
  });

async function inFinch(
  { graph, weights, foreign }: Awaited<ReturnType<typeof opened>>,
  outputs?: readonly string[],
  data = PIXELS,
) {
  const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
  const predictor = await engine.load({ graph, weights, foreign, ...HALF }, { ...(outputs && { outputs }) });
  const results = await predictor.run({ data, count: COUNT, height: SIDE, width: SIDE });
  await predictor.dispose();
  return results;
}

test('a node of more inputs than a call takes arguments', async () => {
  const inputs = Array.from({ length: 200_000 }, () => 'x');
  const nodes: readonly Node[] = [
    { op: 'Max', inputs, outputs: ['m'] },
    { op: 'Flatten', inputs: ['m'], outputs: ['y'] },
  ];
  const shape = ['N', 3, 2, 2];
  const graph = { name: 'g', nodes, initializers: [], inputs: [{ name: 'x', type: 'float32', shape }], outputs: [{ name: 'y', type: 'float32', shape: ['N', 12] }] } as const; // prettier-ignore
  const emitter = new Emitter();
  const foreign = new ForeignNodes(await read(encodeModel(graph)), emitter, new WeightPacker(0, emitter));
  foreign.give('x', () => emitter.declare('picture'));
  foreign.tensors(['y']);
  assert.deepEqual(emitter.nodes.map(({ op }) => op), ['Max', 'Flatten']); // prettier-ignore
});

describe('a foreign network gives what onnxruntime gives', () => {
  const CASES: readonly (AttentionOptions & { readonly atol?: number })[] = [
    {},
    { opset: 7 },
    { opset: 9 },
    { opset: 11, head: 'matmul-add' },
    { opset: 13, head: 'matmul' },
    { opset: 18 },
    { opset: 20, hasIf: true },
    { opset: 22 },
    { opset: 21, layout: 'NHWC' },
    { type: 'float16', atol: 0.01 },
    { type: 'uint8' },
    { type: 'uint8', layout: 'NHWC' },
    { batch: 1 },
    // Names that finch's own part of the model has too.
    { input: 'pixels', output: 'output0', embedding: 'features' },
  ];
  for (const { atol = 1e-5, ...options } of CASES) {
    test(JSON.stringify(options), async () => {
      const bytes = attentionOnnx(options);
      const network = await opened(bytes);
      const [logits] = await inFinch(network);
      assert.deepEqual(logits!.shape, [COUNT, 5]);
      assertAllClose(logits!.data, await plainly(bytes, options, options.output ?? 'logits'), {
        atol,
        rtol: atol,
      });
      assert.ok(network.classifier !== undefined);
    });
  }

  for (const layout of ['NCHW', 'NHWC'] as const) {
    test(`and blue, green and red as it takes them: ${layout}`, async () => {
      const found = describeOnnx(await read(attentionOnnx({ layout })), { name: 'it' });
      const reversed = withColoursReversed(found);
      const network = await opaqueNetwork(reversed.network, { name: 'it', found: reversed });
      const [logits] = await inFinch(await opened(attentionOnnx({ layout })), ['logits']);
      const turned = PIXELS.map((_, i) => PIXELS[i - (i % 3) + 2 - (i % 3)]!);
      const [same] = await inFinch(network, ['logits'], turned);
      assertAllClose(same!.data, logits!.data, { rtol: 1e-5, atol: 1e-6 });
    });
  }

  test("with a softmax at its end, which is finch's own then", async () => {
    const bytes = attentionOnnx({ ending: 'softmax' });
    const network = await opened(bytes);
    assert.equal(network.graph.layers.at(-1)!.kind, 'activation');
    const [probabilities] = await inFinch(network);
    assertAllClose(probabilities!.data, await plainly(bytes, {}, 'probabilities'), { atol: 1e-6 });
  });

  test('two pictures in every run, of which three are asked for', async () => {
    const bytes = attentionOnnx({ batch: 2 });
    const [logits] = await inFinch(await opened(bytes));
    const expected = await inFinch(await opened(attentionOnnx()));
    assertAllClose(logits!.data, expected[0]!.data, { atol: 1e-5 });
    assert.deepEqual(logits!.shape, [COUNT, 5]);
  });
});

describe('the layers of a foreign network', () => {
  test('are its tensors, channel-last; the default is the input of its classifier', async () => {
    const network = await opened(attentionOnnx());
    const shapes = inferShapes(network.graph);
    assert.deepEqual(shapes.get('patches'), [2, 2, 12]);
    assert.deepEqual(shapes.get('tokens'), [4, 12]);
    assert.deepEqual(shapes.get('shares'), [4, 4]);
    assert.equal(embeddingLayer(network), 'mean');
    const [patches, tokens, mean] = await inFinch(network, ['patches', 'tokens', 'mean']);
    // The same numbers: tokens are the patches one after another.
    assertAllClose(patches!.data, tokens!.data, { atol: 1e-6 });
    assertAllClose(mean!.data, await plainly(attentionOnnx({ embedding: 'mean' }), {}, 'mean'), {
      atol: 1e-5,
    });
  });

  test('have their shapes also where these are computed from the size of the batch', async () => {
    const bytes = attentionOnnx({ computesSizes: true });
    const names = async (file: Uint8Array) => (await opened(file)).graph.layers.map(({ name }) => name);
    assert.deepEqual(await names(bytes), await names(attentionOnnx()));
  });

  test('an embedding is no score of classes', async () => {
    const network = await opened(attentionOnnx({ head: 'none', embedding: 'image_embeds' }));
    assert.deepEqual([network.gives, network.graph.output], ['features', 'image_embeds']);
  });

  test('features are those before a classifier whose weights are no plain numbers', async () => {
    const network = await opened(attentionOnnx({ head: 'scaled', ending: 'softmax' }));
    assert.deepEqual([network.classifier, network.embedding], [undefined, 'mean']);
    const [probabilities] = await inFinch(network);
    assertAllClose(
      probabilities!.data,
      await plainly(attentionOnnx({ head: 'scaled', ending: 'softmax' }), {}, 'probabilities'),
      { atol: 1e-6 },
    );
  });

  test('of several outputs the logits are meant, or the one that is asked for', async () => {
    const bytes = attentionOnnx({ ending: 'both', embedding: 'pooled' });
    assert.equal((await opened(bytes)).gives, undefined);
    assert.equal((await opened(bytes, { output: 'pooled' })).gives, 'features');
    await refused(
      opened(bytes, { output: 'other' }),
      'MODEL_UNSUPPORTED',
      /no output 'other'.*logits \[N,5\]/,
    );
  });

  test('only the onnx engine runs them, and nothing trains them', async () => {
    const network = await opened(attentionOnnx());
    const tfjs = await createTfjsEngine({ device: 'js' });
    const predictor = await tfjs.load({ ...network, ...HALF });
    await refused(
      predictor.run({ data: PIXELS, count: COUNT, height: SIDE, width: SIDE }),
      'MODEL_UNSUPPORTED',
      /--engine onnx/,
    );
    const onnx = await createOnnxEngine({ device: 'cpu', threads: 1 });
    const spec = { batchSize: 2, loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' } } as const;
    await refused(onnx.trainer({ ...network, ...HALF }, spec), 'MODEL_UNSUPPORTED', /does not train/);
  });

  test('are refused when the network gives other shapes than its description says', async () => {
    const network = await opened(attentionOnnx());
    const layers = network.graph.layers.map((layer) =>
      layer.name === 'tokens' && layer.kind === 'onnx' ? { ...layer, shape: [5, 12] } : layer,
    );
    const other = { ...network, graph: { ...network.graph, layers } };
    await refused(
      inFinch(other, ['tokens']),
      'MODEL_INVALID',
      /puts out \[3,4,12\] as output0, but model.json says \[5,12\]/,
    );
  });

  test('take pictures of one size', async () => {
    const { graph } = await opened(attentionOnnx());
    assert.throws(() => inferShapes(graph, [32, 32, 3]), /pictures of 16x16 only, received \[32,32,3\]/);
  });
});

async function refused(promise: Promise<unknown>, code: string, pattern: RegExp) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.ok(!error.message.includes('\n') && error.message.length < 600, error.message);
    return true;
  });
}

describe('a foreign network is refused in one line', () => {
  type Value = readonly [name: string, shape: readonly (number | string)[], type?: 'float32' | 'int64'];
  const file = (inputs: readonly Value[], outputs: readonly Value[], nodes: readonly Node[], opset = 17) => {
    const value = ([name, shape, type = 'float32']: Value) => ({ name, type, shape });
    return encodeModel(
      { name: 'g', nodes, initializers: [], inputs: inputs.map(value), outputs: outputs.map(value) },
      { opsets: new Map([['', opset]]) },
    );
  };
  const identities = (from: string, ...to: string[]): Node[] =>
    to.map((name) => ({ op: 'Identity', inputs: [from], outputs: [name] }));
  const PICTURE: Value = ['x', ['N', 3, 8, 8]];

  const CASES: Readonly<Record<string, { readonly bytes: Uint8Array; readonly says: RegExp; readonly code?: string }>> = {
    'a language model': {
      bytes: file([['input_ids', ['N', 'L'], 'int64']], [['logits', ['N', 'L', 9], 'int64']], identities('input_ids', 'logits')),
      says: /^it is no classifier of pictures: it takes input_ids \[N,L\] int64 and puts out logits \[N,L,9\]/,
    },
    'a detector': {
      bytes: file([PICTURE], [['boxes', ['N', 3, 8, 8]], ['scores', ['N', 3]]], identities('x', 'boxes', 'scores')),
      says: /^it is no classifier: it puts out boxes \[N,3,8,8\], scores \[N,3\]; finch takes/,
    },
    'a network that draws': {
      bytes: file([PICTURE], [['out', ['N', 3, 8, 8]]], identities('x', 'out')),
      says: /^it is no classifier: it puts out out \[N,3,8,8\]/,
    },
    'pictures of one channel': {
      bytes: file([['x', ['N', 1, 28, 28]]], [['logits', ['N', 9]]], identities('x', 'logits')),
      says: /^it takes x \[N,1,28,28\], which is no picture of 3 channels/,
    },
    'pictures of four channels': {
      bytes: file([['x', ['N', 28, 28, 4]]], [['logits', ['N', 9]]], identities('x', 'logits')),
      says: /^it takes x \[N,28,28,4\], which is no picture of 3 channels/,
    },
    'any size': {
      bytes: file([['x', ['N', 3, 'H', 'W']]], [['logits', ['N', 9]]], identities('x', 'logits')),
      says: /^it takes pictures of any size and does not say which it was made for; give it, for example: --size 224/,
      code: 'USAGE',
    },
    'an output that has no row for each picture': {
      bytes: file([PICTURE], [['logits', ['K', 64]]], [
        { op: 'Transpose', inputs: ['x'], outputs: ['t'], attributes: { perm: [1, 0, 2, 3] } },
        { op: 'Flatten', inputs: ['t'], outputs: ['logits'] },
      ]),
      says: /^it is no classifier: of its outputs logits \[K,64\] the one that would be meant, logits, has no row/,
    },
    'such an output of a long name': {
      bytes: file([PICTURE], [['o'.repeat(5000), ['K', 64]]], [
        { op: 'Transpose', inputs: ['x'], outputs: ['t'], attributes: { perm: [1, 0, 2, 3] } },
        { op: 'Flatten', inputs: ['t'], outputs: ['o'.repeat(5000)] },
      ]),
      says: /would be meant, o{59}…, has no row/,
    },
    'an operator that the runtime does not have': {
      bytes: file([PICTURE], [['logits', ['N', 192]]], [
        { op: 'Frobnicate', inputs: ['x'], outputs: ['t'] },
        { op: 'Flatten', inputs: ['t'], outputs: ['logits'] },
      ]),
      says: /cannot run it on cpu: it has no operator Frobnicate for it\. Export the network again/,
    },
    'operators newer than the runtime': {
      bytes: file([PICTURE], [['logits', ['N', 192]]], [{ op: 'Flatten', inputs: ['x'], outputs: ['logits'] }], 99),
      says: /cannot run it on cpu: .*opset/i,
    },
  }; // prettier-ignore
  for (const [what, { bytes, says, code = 'MODEL_UNSUPPORTED' }] of Object.entries(CASES)) {
    test(what, async () => refused(opened(bytes), code, says));
  }

  test('a size that it does not take', async () => {
    await refused(
      opened(attentionOnnx(), { size: 32 }),
      'USAGE',
      /--size: it takes pictures of 16x16 only, received 32x32/,
    );
  });
});
