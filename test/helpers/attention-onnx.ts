// attention-onnx.ts: a small network of operators that finch's graph does not have (attention over the patches of a picture), as the
// bytes of an ONNX file: in the layouts, types and versions in which exporters write such networks.

import {
  encodeGraph,
  encodeModel,
  type Attribute,
  type Initializer,
  type Node,
} from '../../src/formats/onnx-writer.ts';
import type { OnnxDataType } from '../../src/formats/onnx-model.ts';
import { float32ToFloat16 } from '../../src/util/float16.ts';
import { elementCount, type Shape } from '../../src/util/shape.ts';
import { fnv1a, uniform } from './lcg.ts';

export interface AttentionOptions {
  readonly layout?: 'NCHW' | 'NHWC';
  readonly type?: 'float32' | 'float16' | 'uint8';
  readonly batch?: number | 'N';
  readonly opset?: number;
  /** `matmul`: without a bias; `scaled`: times a number; `none`: the mean of the patches is the output. */
  readonly head?: 'gemm' | 'matmul-add' | 'matmul' | 'scaled' | 'none';
  readonly ending?: 'logits' | 'softmax' | 'both';
  /** The name of the output of logits, of the input, and of the output of the mean, which is none by default. */
  readonly output?: string;
  readonly input?: string;
  readonly embedding?: string;
  /** Sizes are computed from those of the picture, as exporters write them for a batch of any size. */
  readonly computesSizes?: boolean;
  /** An If around the mean of the patches, as old exporters write it. */
  readonly hasIf?: boolean;
}

/** Side of the pictures, and of a patch; there are four of these. */
export const ATTENTION_SIDE = 16;
const PATCH = 8;
const CHANNELS = 12;
const ATTENTION_CLASSES = 5;

export function attentionOnnx(options: AttentionOptions = {}): Uint8Array {
  const {
    layout = 'NCHW',
    type = 'float32',
    batch = 'N',
    opset = 17,
    head = 'gemm',
    ending = 'logits',
  } = options;
  const { input = 'x', output = 'logits', embedding, hasIf = false, computesSizes = false } = options;
  const number = type === 'float16' ? 'float16' : 'float32';
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const add = (
    op: string,
    inputs: readonly string[],
    to: string,
    attributes: Record<string, Attribute> = {},
  ) => {
    nodes.push({ op, inputs, outputs: [to], attributes });
    return to;
  };
  const weight = (name: string, shape: Shape, scale: number) => {
    const seed = fnv1a(name);
    const data = Float32Array.from(
      { length: elementCount(shape) },
      (_, i) => scale * (2 * uniform(seed, i) - 1),
    );
    initializers.push({
      name,
      type: number,
      shape,
      content: bytesOf(number === 'float16' ? float32ToFloat16(data) : data),
    });
    return name;
  };
  const int64s = (name: string, values: readonly number[]) => {
    initializers.push({
      name,
      type: 'int64',
      shape: [values.length],
      content: bytesOf(BigInt64Array.from(values, BigInt)),
    });
    return name;
  };
  const scalar = (name: string, value: number) => {
    const data = Float32Array.of(value);
    initializers.push({
      name,
      type: number,
      shape: [],
      content: bytesOf(number === 'float16' ? float32ToFloat16(data) : data),
    });
    return name;
  };

  let x = input;
  if (type === 'uint8') {
    // Its own normalisation: x / 127.5 - 1.
    x = add('Cast', [x], 'numbers', { to: 1 });
    x = add('Sub', [add('Div', [x, scalar('half', 127.5)], 'scaled'), scalar('one', 1)], 'normal');
  }
  if (layout === 'NHWC') x = add('Transpose', [x], 'moved', { perm: [0, 3, 1, 2] });
  const kernel = weight('patch.weight', [CHANNELS, 3, PATCH, PATCH], 0.1);
  x = add('Conv', [x, kernel], 'patches', { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] });
  // A fixed batch is what exporters leave in the shapes.
  let rows = int64s('rows', [batch === 'N' ? 0 : batch, CHANNELS, -1]);
  if (computesSizes) {
    const first = add('Slice', [add('Shape', [input], 'sizes'), int64s('0', [0]), int64s('1', [1])], 'first');
    const whole = add('Ceil', [add('Cast', [first], 'as_float', { to: 1 })], 'whole');
    const count = add('Cast', [whole], 'count', { to: 7 });
    rows = add('Concat', [count, int64s('rest', [CHANNELS, -1])], 'computed', { axis: 0 });
  }
  x = add('Reshape', [x, rows], 'rows_of');
  const tokens = add('Transpose', [x], 'tokens', { perm: [0, 2, 1] });
  const query = add('MatMul', [tokens, weight('q', [CHANNELS, CHANNELS], 0.5)], 'query');
  const key = add('MatMul', [tokens, weight('k', [CHANNELS, CHANNELS], 0.5)], 'key');
  let scores: string;
  if (opset >= 12) scores = add('Einsum', [query, key], 'scores', { equation: 'bid,bjd->bij' });
  else scores = add('MatMul', [query, add('Transpose', [key], 'key_t', { perm: [0, 2, 1] })], 'scores');
  const places = 4;
  const mask = Uint8Array.from({ length: places * places }, (_, i) => (i % 5 === 3 ? 0 : 1));
  initializers.push({ name: 'mask', type: 'bool', shape: [places, places], content: mask });
  if (opset >= 9) scores = add('Where', ['mask', scores, scalar('low', -100)], 'masked');
  const shares = add('Softmax', [scores], 'shares', { axis: opset >= 13 ? 1 : 2 });
  const mixed = add('Add', [add('MatMul', [shares, tokens], 'mixed'), tokens], 'sum');
  let mean = embedding ?? 'mean';
  const meanOf = (from: string, to: string): Node =>
    opset >= 18
      ? { op: 'ReduceMean', inputs: [from, 'axis'], outputs: [to], attributes: { keepdims: 0 } }
      : { op: 'ReduceMean', inputs: [from], outputs: [to], attributes: { axes: [1], keepdims: 0 } };
  if (opset >= 18) int64s('axis', [1]);
  if (hasIf) {
    initializers.push({ name: 'yes', type: 'bool', shape: [], content: Uint8Array.of(1) });
    nodes.push({
      op: 'If',
      inputs: ['yes'],
      outputs: [mean],
      attributes: ifBranches(meanOf(mixed, 'inner'), {
        op: 'Identity',
        inputs: ['fallback'],
        outputs: ['other'],
      }),
    });
    const numbers = new Float32Array(CHANNELS);
    initializers.push({ name: 'fallback', type: number, shape: [1, CHANNELS], content: bytesOf(numbers) });
  } else nodes.push(meanOf(mixed, mean));

  const outputs: { name: string; type: OnnxDataType; shape: readonly (number | string)[] }[] = [];
  const put = (name: string, numbers: number) =>
    outputs.push({ name, type: number, shape: [batch, numbers] });
  if (head !== 'none') {
    const to = ending === 'softmax' ? 'before' : output;
    if (head === 'gemm')
      add(
        'Gemm',
        [
          mean,
          weight('head.weight', [ATTENTION_CLASSES, CHANNELS], 1),
          weight('head.bias', [ATTENTION_CLASSES], 1),
        ],
        to,
        { transB: 1 },
      );
    else if (head === 'matmul') add('MatMul', [mean, weight('head', [CHANNELS, ATTENTION_CLASSES], 1)], to);
    else {
      const product = add('MatMul', [mean, weight('head', [CHANNELS, ATTENTION_CLASSES], 1)], 'product');
      if (head === 'scaled') add('Mul', [product, scalar('scale', 3)], to);
      else add('Add', [weight('head.bias', [ATTENTION_CLASSES], 1), product], to);
    }
    if (ending !== 'softmax') put(output, ATTENTION_CLASSES);
    if (ending !== 'logits') put(add('Softmax', [to], 'probabilities', { axis: 1 }), ATTENTION_CLASSES);
  }
  if (embedding !== undefined || head === 'none') put(mean, CHANNELS);
  const sides = [ATTENTION_SIDE, ATTENTION_SIDE];
  return encodeModel(
    {
      name: 'attention',
      nodes,
      initializers,
      inputs: [{ name: input, type, shape: layout === 'NCHW' ? [batch, 3, ...sides] : [batch, ...sides, 3] }],
      outputs,
    },
    { opsets: new Map([['', opset]]) },
  );
}

function bytesOf({ buffer }: { readonly buffer: ArrayBufferLike }): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer);
}

/** The attributes of an If whose branches are one node each. */
function ifBranches(yes: Node, no: Node): Record<string, Attribute> {
  const branch = (node: Node) => {
    const attributes = new Map(
      Object.entries(node.attributes ?? {}).map(([name, value]) => [
        name,
        typeof value === 'number'
          ? { kind: 'int' as const, value }
          : { kind: 'ints' as const, value: value as number[] },
      ]),
    );
    const graph = {
      nodes: [{ ...node, domain: '', name: '', attributes }],
      initializers: new Map(),
      inputs: [],
      outputs: [{ name: node.outputs[0]!, type: 'other' as const }],
      valueInfo: new Map(),
    };
    return { kind: 'graph' as const, value: graph, bytes: encodeGraph(graph) };
  };
  return { then_branch: branch(yes), else_branch: branch(no) };
}
