// onnx-convert.ts: foreign networks of right operators with wrong shapes, axes, attributes and constants: each becomes a sound graph, or
// reasons, or is refused.

import assert from 'node:assert/strict';
import { readOnnxModel } from '../../../src/formats/onnx-model.ts';
import {
  encodeModel,
  type Attribute,
  type Initializer,
  type Node,
} from '../../../src/formats/onnx-writer.ts';
import { inferShapes, weightShapes } from '../../../src/graph/shapes.ts';
import { weightName } from '../../../src/graph/layers.ts';
import { convertOnnx } from '../../../src/importers/onnx/convert.ts';
import type { Rng } from '../../../src/util/rng.ts';
import { elementCount, type Shape } from '../../../src/util/shape.ts';
import type { FuzzTarget } from '../cases.ts';
import { pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';

const UNARY = ['Relu', 'Sigmoid', 'Clip', 'HardSigmoid', 'HardSwish', 'Softmax', 'GlobalAveragePool', 'GlobalMaxPool', 'Flatten', 'Identity', 'Dropout', 'Cast', 'Shape', 'Transpose', 'MaxPool', 'AveragePool', 'ReduceMean', 'Squeeze', 'Unsqueeze', 'Erf', 'LayerNormalization', 'Size', 'Sqrt', 'Constant']; // prettier-ignore
const BINARY = ['Add', 'Mul', 'Sub', 'Div', 'Conv', 'Gemm', 'MatMul', 'Concat', 'Reshape', 'Expand', 'Gather', 'Split', 'Slice', 'Pad', 'PRelu', 'Equal', 'Where', 'Range', 'ConstantOfShape', 'Pow', 'Max', 'ReduceProd', 'Unsqueeze', 'Squeeze']; // prettier-ignore
const SHAPES: readonly Shape[] = [[], [1], [3], [6], [1, 3, 1, 1], [3, 1, 1], [6, 3, 1, 1], [3, 1, 3, 3], [4, 3, 3, 3], [3, 4], [192, 5], [8, 8], [1, 3, 8, 8]]; // prettier-ignore
const SIZES = [-9, -2, -1, 0, 1, 2, 3, 6, 8, 64, 192, 2 ** 31, 2 ** 52];

const sizes = (rng: Rng, most: number) =>
  Array.from({ length: rng.integer(most + 1) }, () => (rng.chance(0.8) ? rng.integer(4) : pick(rng, SIZES)));

function attributes(rng: Rng): Record<string, Attribute> {
  const found: Record<string, Attribute> = {};
  const put = (name: string, chance: number, value: () => Attribute) => {
    if (rng.chance(chance)) found[name] = value();
  };
  put('axis', 0.3, () => pick(rng, [0, 1, 2, 3, -1, -2, 7]));
  put('axes', 0.4, () => sizes(rng, 3));
  put('perm', 0.4, () => (rng.chance(0.7) ? pick(rng, [[0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2]]) : sizes(rng, 4))); // prettier-ignore
  put('kernel_shape', 0.5, () => (rng.chance(0.8) ? [2, 2] : sizes(rng, 3)));
  put('strides', 0.3, () => (rng.chance(0.8) ? [2, 1] : sizes(rng, 3)));
  put('pads', 0.3, () => (rng.chance(0.6) ? [1, 0, 0, 1] : sizes(rng, 8)));
  put('group', 0.3, () => pick(rng, [1, 2, 3, 6, 0, -1]));
  put('keepdims', 0.2, () => 0);
  put('ceil_mode', 0.2, () => 1);
  put('count_include_pad', 0.2, () => 1);
  put('transB', 0.2, () => 1);
  put('auto_pad', 0.1, () => pick(rng, ['SAME_UPPER', 'VALID', 'SAME_LOWER', 'x'.repeat(1000)]));
  put('to', 0.3, () => pick(rng, [1, 7]));
  put('alpha', 0.2, () => ({ float: rng.uniform() }));
  put('value_int', 0.1, () => pick(rng, SIZES));
  return found;
}

const onnxConvert: FuzzTarget = (rng) => {
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const names = ['x'];
  const constant = () => {
    const name = `w${initializers.length}`;
    const isFloat = rng.chance(0.7);
    const shape = rng.chance(0.9) ? pick(rng, SHAPES) : sizes(rng, 4).map((size) => Math.abs(size) % 7);
    const values = Array.from({ length: isFloat ? elementCount(shape) : rng.integer(5) }, () =>
      pick(rng, SIZES),
    );
    initializers.push(
      isFloat
        ? { name, type: 'float32', shape, content: new Uint8Array(Float32Array.from(values).buffer) }
        : { name, type: 'int64', shape: [values.length], content: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) }, // prettier-ignore
    );
    return name;
  };
  const operand = () => (rng.chance(0.5) ? constant() : pick(rng, names));
  const add = (op: string, inputs: readonly string[]) => {
    const output = `t${nodes.length}`;
    const more = rng.chance(0.1) ? [`${output}.1`, ''] : [];
    nodes.push({ op, inputs, outputs: [output, ...more], attributes: attributes(rng) });
    names.push(output);
  };
  for (let i = 1 + rng.integer(6); i > 0; i--) {
    const last = rng.chance(0.8) ? names.at(-1)! : pick(rng, names);
    if (rng.chance(0.5)) add(pick(rng, UNARY), rng.chance(0.97) ? [last] : []);
    else add(pick(rng, BINARY), [last, ...Array.from({ length: 1 + rng.integer(3) }, operand)]);
  }
  const bytes = encodeModel(
    {
      name: 'case',
      nodes,
      initializers,
      inputs: [{ name: 'x', type: 'float32', shape: [pick(rng, ['N', 1, 2]), 3, 8, 8] }],
      outputs: [{ name: names.at(-1)!, type: 'float32', shape: ['N', 'C'] }],
    },
    { opsets: new Map([['', pick(rng, [9, 11, 13, 17, 20])]]) },
  );
  return {
    bytes: bytes.length,
    read: async () => {
      const result = convertOnnx(await readOnnxModel(scratchFile('convert.onnx', bytes)), { name: 'case' });
      if (result.kind === 'opaque') {
        for (const reason of result.reasons) assert.ok(reason.length > 0 && reason.length < 500, reason);
        return;
      }
      const { graph, weights } = result;
      const shapes = inferShapes(graph);
      for (const layer of graph.layers) {
        const [from] = layer.inputs;
        for (const [role, shape] of weightShapes(layer, from === undefined ? [] : shapes.get(from))) {
          const weight = weights.get(weightName(layer.name, role));
          assert.deepEqual([weight?.shape, weight?.data.length], [shape, elementCount(shape)], layer.kind);
        }
      }
    },
  };
};

export default onnxConvert;
