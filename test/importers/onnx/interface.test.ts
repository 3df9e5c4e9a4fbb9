// What is told from the graph of a foreign network: where pictures enter it, which output is meant, where its classifier is.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readOnnxModel } from '../../../src/formats/onnx-model.ts';
import {
  encodeModel,
  type Attribute,
  type Initializer,
  type Node,
} from '../../../src/formats/onnx-writer.ts';
import { describeOnnx } from '../../../src/importers/onnx/interface.ts';
import type { Shape } from '../../../src/util/shape.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-interface-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

type Sizes = readonly (number | string)[];
interface Written {
  readonly nodes: readonly Node[];
  readonly weights?: Readonly<Record<string, Shape>>;
  readonly input?: Sizes;
  /** An input of texts. */
  readonly ids?: Sizes;
  readonly outputs?: Readonly<Record<string, Sizes>>;
}

async function described({
  nodes,
  weights = {},
  input = ['N', 3, 8, 8],
  ids,
  outputs = { y: ['N', 4] },
}: Written) {
  const value = (name: string, shape: Sizes) => ({ name, type: 'float32', shape }) as const;
  const initializers = Object.entries(weights).map(([name, shape]): Initializer => {
    const numbers = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
    return { name, type: 'float32', shape, content: new Uint8Array(numbers.buffer) };
  });
  const file = path.join(scratch, 'network.onnx');
  const inputs = [...(ids ? [value('ids', ids)] : []), value('x', input)];
  const graph = { name: 'g', nodes, initializers, inputs, outputs: Object.entries(outputs).map(([name, shape]) => value(name, shape)) }; // prettier-ignore
  await writeFile(file, encodeModel(graph));
  return describeOnnx(await readOnnxModel(file), { name: 'it' });
}

const node = (op: string, inputs: readonly string[], output: string, attributes: Record<string, Attribute> = {}): Node => ({ op, inputs, outputs: [output], attributes }); // prettier-ignore
const MEAN = [node('Flatten', ['x'], 'f')];

describe('a classifier', () => {
  const row = [0, 1, 2, 3, 4, 5, 6, 7];
  // [2,4] of rows 0…3 and 4…7, and [4,2] of the same numbers turned.
  const turned = [0, 2, 4, 6, 1, 3, 5, 7];
  const CASES: Readonly<Record<string, Written & { readonly kernel: readonly number[] | undefined; readonly bias?: boolean; readonly activation?: string }>> = {
    'Gemm': { nodes: [node('Gemm', ['f', 'w', 'b'], 'y')], weights: { w: [2, 4], b: [4] }, kernel: row, bias: true },
    'Gemm of a transposed weight': { nodes: [node('Gemm', ['f', 'w', 'b'], 'y', { transB: 1 })], weights: { w: [4, 2], b: [1, 4] }, kernel: turned, bias: true },
    'Gemm times a number': { nodes: [node('Gemm', ['f', 'w'], 'y', { alpha: { float: 2 } })], weights: { w: [2, 4] }, kernel: undefined },
    'MatMul': { nodes: [node('MatMul', ['f', 'w'], 'y')], weights: { w: [2, 4] }, kernel: row },
    'MatMul and Add, the bias first': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Add', ['b', 'm'], 'y')], weights: { w: [2, 4], b: [4] }, kernel: row, bias: true },
    'MatMul of a weight that is transposed in the graph': { nodes: [node('Transpose', ['w'], 't', { perm: [1, 0] }), node('MatMul', ['f', 't'], 'y')], weights: { w: [4, 2] }, kernel: turned },
    'a weight that is computed': { nodes: [node('Relu', ['w'], 't'), node('MatMul', ['f', 't'], 'y')], weights: { w: [2, 4] }, kernel: undefined },
    'behind nodes that keep the row': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Identity', ['m'], 'i'), node('LogSoftmax', ['i'], 'y')], weights: { w: [2, 4] }, kernel: row },
    'a softmax': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'y', { axis: -1 })], weights: { w: [2, 4] }, kernel: row, activation: 'softmax' },
    'a softmax written out': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Exp', ['m'], 'e'), node('ReduceSum', ['e'], 's', { axes: [1] }), node('Div', ['e', 's'], 'y')], weights: { w: [2, 4] }, kernel: row, activation: 'softmax' },
    'exponentials divided by their sum over the pictures': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Exp', ['m'], 'e'), node('ReduceSum', ['e'], 's', { axes: [0] }), node('Div', ['e', 's'], 'y')], weights: { w: [2, 4] }, kernel: undefined },
    'exponentials divided by their sums in another shape': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Exp', ['m'], 'e'), node('ReduceSum', ['e'], 's', { axes: [1], keepdims: 0 }), node('Div', ['e', 's'], 'y')], weights: { w: [2, 4] }, kernel: undefined },
    'probabilities rounded and multiplied': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'p'), node('Constant', [], 't', { value_float: { float: 2 } }), node('QuantizeLinear', ['p', 's'], 'q'), node('DequantizeLinear', ['q', 't'], 'y')], weights: { w: [2, 4], s: [] }, kernel: undefined },
    'the exponentials of their logarithm': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('LogSoftmax', ['m'], 'l', { axis: 1 }), node('Exp', ['l'], 'y')], weights: { w: [2, 4] }, kernel: row, activation: 'softmax' },
    'probabilities rounded to bytes': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'p'), node('QuantizeLinear', ['p', 's'], 'q'), node('DequantizeLinear', ['q', 's'], 'y')], weights: { w: [2, 4], s: [] }, kernel: row, activation: 'softmax' },
    'probabilities kept from zero, and nothing': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'p'), node('Clip', ['p', 's'], 'c'), node('Add', ['c', 'zero'], 'y')], weights: { w: [2, 4], s: [], zero: [1] }, kernel: row, activation: 'softmax' },
    'probabilities kept from zero': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'p'), node('Clip', ['p', 's'], 'y')], weights: { w: [2, 4], s: [] }, kernel: row, activation: 'softmax' },
    'logits rounded to bytes': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('QuantizeLinear', ['m', 's'], 'q'), node('DequantizeLinear', ['q', 's'], 'y')], weights: { w: [2, 4], s: [] }, kernel: undefined },
    'a sigmoid': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Sigmoid', ['m'], 'y')], weights: { w: [2, 4] }, kernel: row, activation: 'sigmoid' },
    'a softmax and nothing': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 's'), node('Add', ['s', 'zero'], 'y')], weights: { w: [2, 4], zero: [1] }, kernel: row, activation: 'softmax' },
    'a softmax over another axis': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'y', { axis: 0 })], weights: { w: [2, 4] }, kernel: undefined },
    'the product of two': { nodes: [node('MatMul', ['f', 'w'], 'm'), node('Mul', ['m', 'm'], 'y')], weights: { w: [2, 4] }, kernel: undefined },
  }; // prettier-ignore
  for (const [what, { kernel, bias = false, activation = 'none', nodes, ...rest }] of Object.entries(CASES)) {
    test(what, async () => {
      const found = await described({ nodes: [...MEAN, ...nodes], ...rest });
      assert.equal(found.activation, activation);
      assert.equal(found.logits, activation === 'none' ? 'y' : 'm');
      assert.equal(found.classifier?.input, kernel && 'f');
      assert.deepEqual(found.classifier && [...found.classifier.kernel.data], kernel);
      if (kernel) assert.deepEqual([found.classifier!.kernel.shape, found.classifier!.bias !== undefined], [[2, 4], bias]); // prettier-ignore
    });
  }
});

describe("a classifier that ends in an operator of onnxruntime's own", () => {
  const own = (op: string, inputs: readonly string[], output: string, attributes: Record<string, Attribute> = {}): Node => ({ ...node(op, inputs, output, attributes), domain: 'com.microsoft' }); // prettier-ignore
  const bytes = ['s', 'z', 's', 'z'];
  const rounded = [node('MatMul', ['f', 'w'], 'm'), node('QuantizeLinear', ['m', 's', 'z'], 'q')];
  const CASES: Readonly<Record<string, readonly [string, readonly Node[]]>> = {
    'the softmax of bytes': ['softmax', [...rounded, own('QLinearSoftmax', ['q', ...bytes], 'p', { axis: -1 }), node('DequantizeLinear', ['p', 's', 'z'], 'y')]],
    'the sigmoid of bytes': ['sigmoid', [...rounded, own('QLinearSigmoid', ['q', ...bytes], 'p'), node('DequantizeLinear', ['p', 's', 'z'], 'y')]],
    'a linear layer with its sigmoid': ['sigmoid', [own('FusedGemm', ['f', 'w'], 'y', { activation: 'Sigmoid' })]],
    'a linear layer with another function': ['none', [own('FusedGemm', ['f', 'w'], 'y', { activation: 'Relu' })]],
  }; // prettier-ignore
  for (const [what, [activation, nodes]] of Object.entries(CASES)) {
    test(what, async () => {
      const found = await described({ nodes: [...MEAN, ...nodes], weights: { w: [2, 4], s: [], z: [] } });
      assert.deepEqual([found.activation, found.logits], [activation, activation === 'none' ? 'y' : 'logits']); // prettier-ignore
      assert.equal(found.embedding, 'f');
    });
  }

  test('the largest numbers alone are no classes', async () => {
    const nodes = [...MEAN, { op: 'TopK', inputs: ['f', 'k'], outputs: ['y', 'i'] }];
    await assert.rejects(described({ nodes, weights: { k: [1] } }), /is no classifier: it puts out y \[N,4\]; .* a number for each class$/); // prettier-ignore
  });
});

describe('a classifier whose weights are quantised', () => {
  const CASES: Readonly<Record<string, readonly Node[]>> = {
    'when it runs': [
      { op: 'DynamicQuantizeLinear', inputs: ['f'], outputs: ['q', 'scale', 'zero'] },
      node('MatMulInteger', ['q', 'w', 'zero'], 'i'),
      node('Cast', ['i'], 'c', { to: 1 }),
      node('Mul', ['scale', 's'], 'both'),
      node('Mul', ['both', 'c'], 'm'),
      node('Add', ['b', 'm'], 'y'),
    ],
    ahead: [
      node('QuantizeLinear', ['f', 's'], 'q'),
      node('DequantizeLinear', ['q', 's'], 'd'),
      node('DequantizeLinear', ['w', 's'], 'v'),
      node('Gemm', ['d', 'v', 'b'], 'y'),
    ],
  };
  for (const [what, nodes] of Object.entries(CASES)) {
    test(`${what} still says what it takes`, async () => {
      const weights = { w: [2, 4], b: [4], s: [] };
      const { classifier, embedding, input } = await described({ nodes: [...MEAN, ...nodes], weights });
      assert.deepEqual([classifier, embedding], [undefined, 'f']);
      // Rounded by the largest number of a run: with one picture in it, the others change nothing.
      assert.equal(input.batch, what === 'when it runs' ? 1 : undefined);
    });
  }
});

describe('what would be followed for ever', () => {
  /** `s0` to `y`, each made of the one before. */
  const chain = (op: string, count: number, inputs: number) =>
    Array.from({ length: count }, (_, i) => node(op, Array.from({ length: inputs }, () => `s${i}`), i + 1 < count ? `s${i + 1}` : 'y')); // prettier-ignore

  test('sums of the same thousand times over', async () => {
    const nodes = [node('Flatten', ['x'], 's0'), ...chain('Add', 9, 1000)];
    assert.equal((await described({ nodes })).embedding, undefined);
  });

  test('a weight behind nodes that only move it', async () => {
    const moved = chain('Identity', 9000, 1).map((each) => (each.outputs[0] === 'y' ? { ...each, outputs: ['w'] } : each)); // prettier-ignore
    const nodes = [...moved, ...MEAN, node('MatMul', ['f', 'w'], 'y')];
    assert.equal((await described({ nodes, weights: { s0: [2, 4] } })).classifier, undefined);
  });
});

describe('the picture', () => {
  const flat = [node('Flatten', ['x'], 'y')];
  const of = async (input: Sizes, nodes: readonly Node[] = flat, weights = {}) =>
    (await described({ nodes, input, weights })).input;

  test('is [N,3,H,W] or [N,H,W,3], of any batch and size or of one', async () => {
    assert.deepEqual(await of(['N', 3, 8, 6]), { name: 'x', layout: 'NCHW', type: 'float32', height: 8, width: 6 }); // prettier-ignore
    assert.deepEqual(await of([2, 8, 6, 3]), { name: 'x', layout: 'NHWC', type: 'float32', batch: 2, height: 8, width: 6 }); // prettier-ignore
    assert.deepEqual(await of(['N', 3, 'H', 'W']), { name: 'x', layout: 'NCHW', type: 'float32' });
  });

  test('has its channels where the first convolution takes them, when the file leaves them open', async () => {
    const conv = (from: string) => node('Conv', [from, 'w'], 'y');
    const open: Sizes = ['N', 'C', 'H', 'W'];
    assert.equal((await of(open, [conv('x')], { w: [4, 3, 1, 1] })).layout, 'NCHW');
    const moved = [
      node('Sub', ['x', 'w'], 's'),
      node('Transpose', ['s'], 't', { perm: [0, 3, 1, 2] }),
      conv('t'),
    ];
    assert.equal((await of(open, moved, { w: [4, 3, 1, 1] })).layout, 'NHWC');
    await assert.rejects(of(open, [conv('x')], { w: [4, 1, 1, 1] }), /no picture of 3 channels/);
    await assert.rejects(of(['N', 3, 5000, 8]), /pictures of 1 to 4096 pixels/);
    await assert.rejects(of([1e9, 3, 8, 8]), /1000000000 pictures in every run; finch feeds at most 256/);
  });
});

describe('of several outputs', () => {
  const CASES: Readonly<Record<string, { readonly outputs: Readonly<Record<string, Sizes>>; readonly is: string; readonly gives?: string }>> = {
    'logits': { outputs: { last_hidden_state: ['N', 4, 2], pooler_output: ['N', 2], logits: ['N', 9] }, is: 'logits' },
    'scores before embeddings': { outputs: { embedding: ['N', 2], probabilities: ['N', 9] }, is: 'probabilities' },
    'an embedding before hidden states': { outputs: { last_hidden_state: ['N', 4, 2], image_embeds: ['N', 2] }, is: 'image_embeds', gives: 'features' },
    'hidden states where there is nothing else': { outputs: { last_hidden_state: ['N', 4, 2] }, is: 'last_hidden_state', gives: 'features' },
    'a row in a picture of one place': { outputs: { out: ['N', 9, 1, 1] }, is: 'out' },
  }; // prettier-ignore
  for (const [what, { outputs, is, gives = 'classes' }] of Object.entries(CASES)) {
    test(what, async () => {
      const nodes = Object.keys(outputs).map((name) => node('Flatten', ['x'], name));
      const found = await described({ nodes, outputs });
      assert.deepEqual([found.output, found.gives], [is, gives]);
    });
  }

  test('whatever it is called, what a softmax gives are classes', async () => {
    const ends = [node('MatMul', ['f', 'w'], 'm'), node('Softmax', ['m'], 'features')];
    const found = await described({ nodes: [...MEAN, ...ends], weights: { w: [2, 4] }, outputs: { features: ['N', 4] } }); // prettier-ignore
    assert.deepEqual([found.output, found.gives, found.activation], ['features', 'classes', 'softmax']);
  });

  test('an embedding between 0 and 1 does not take the place of the classes', async () => {
    const nodes = [...MEAN, node('MatMul', ['f', 'w'], 'm'), node('Sigmoid', ['m'], 'embedding'), node('Flatten', ['embedding'], 'out')]; // prettier-ignore
    const outputs = { embedding: ['N', 4], out: ['N', 4] } as const;
    assert.equal((await described({ nodes, weights: { w: [2, 4] }, outputs })).output, 'out');
    const alone = { embedding: ['N', 4] } as const;
    assert.equal((await described({ nodes, weights: { w: [2, 4] }, outputs: alone })).gives, 'features');
  });

  test('those that need a text too are none', async () => {
    const outputs = {
      logits_per_image: ['N', 'T'],
      image_embeds: ['N', 192],
      text_embeds: ['T', 9],
    } as const;
    const nodes = [
      node('Flatten', ['x'], 'image_embeds'),
      node('MatMul', ['ids', 'w'], 'text_embeds'),
      node('MatMul', ['image_embeds', 'text_embeds'], 'logits_per_image'),
    ];
    const clip = { nodes, ids: ['T', 9], weights: { w: [9, 9] }, outputs } as const;
    const { network, output, gives } = await described(clip);
    assert.deepEqual([output, gives], ['image_embeds', 'features']);
    assert.deepEqual([network.nodes.length, network.initializers.size], [1, 0]);
    const { image_embeds: _, ...rest } = outputs;
    await assert.rejects(
      described({ ...clip, outputs: rest }),
      /^FinchError: it computes logits_per_image \[N,T\], text_embeds \[T,9\] from ids \[T,9\] too; finch runs/,
    );
  });
});
