// Networks of operators in random order: axes are moved, joined and cut between layers, and every number counts in the end. What finch
// converts, it computes as onnxruntime does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng, type Rng } from '../../../src/util/rng.ts';
import { elementCount, type Shape } from '../../../src/util/shape.ts';
import {
  convert,
  converted,
  f,
  int64s,
  scalar,
  SIDE,
  type Write,
  type Writer,
} from '../../helpers/onnx-network.ts';

const CASES = 60;

/** A tensor, and its shape without the batch. */
interface Value {
  readonly name: string;
  readonly shape: Shape;
}

type Step = (w: Writer, value: Value, rng: Rng) => Value | undefined;

const pickDim = (rng: Rng, { shape }: Value) => rng.integer(shape.length);
const withSize = ({ shape }: Value, dim: number, size: number): Shape =>
  shape.map((own, i) => (i === dim ? size : own));
const asShape = (w: Writer, { name }: Value, shape: Shape): Value => ({ name: w.add('Reshape', [name, int64s(-1, ...shape)]), shape }); // prettier-ignore

const STEPS: readonly Step[] = [
  (w, { name, shape }, rng) => {
    const order = rng.shuffle([...shape.keys()]);
    const perm = [0, ...order.map((dim) => dim + 1)];
    return { name: w.add('Transpose', [name], { perm }), shape: order.map((dim) => shape[dim]!) };
  },
  (w, value, rng) => {
    const { shape } = value;
    if (shape.length < 2) return undefined;
    const dim = rng.integer(shape.length - 1);
    return asShape(w, value, [
      ...shape.slice(0, dim),
      shape[dim]! * shape[dim + 1]!,
      ...shape.slice(dim + 2),
    ]);
  },
  (w, value, rng) => {
    const dim = pickDim(rng, value);
    const size = value.shape[dim]!;
    const factor = [2, 3].find((each) => size % each === 0);
    if (factor === undefined || value.shape.length > 3) return undefined;
    const [one, other] = rng.chance(0.5) ? [factor, size / factor] : [size / factor, factor];
    return asShape(w, value, [...value.shape.slice(0, dim), one, other, ...value.shape.slice(dim + 1)]);
  },
  (w, value, rng) => {
    const { name, shape } = value;
    const [channels, height, width] = shape;
    if (shape.length !== 3 || height! < 2 || width! < 2 || elementCount(shape) > 800) return undefined;
    const filters = 2 + rng.integer(4);
    return { name: w.add('Conv', [name, [filters, channels!, 2, 1]]), shape: [filters, height! - 1, width!] };
  },
  (w, { name, shape }) => ({ name: w.add('LeakyRelu', [name], { alpha: f(0.3) }), shape }),
  (w, value, rng) => {
    const dim = pickDim(rng, value);
    const constant = value.shape.map((size, i) => (i === dim ? size : 1));
    return { name: w.add(rng.chance(0.5) ? 'Add' : 'Mul', [value.name, constant]), shape: value.shape };
  },
  (w, { name, shape }) => ({ name: w.add('Sub', [name, scalar(0.2)]), shape }),
  (w, value, rng) => {
    const dim = value.shape.length - 1;
    const units = 1 + rng.integer(4);
    if (value.shape[dim]! > 64) return undefined;
    return { name: w.add('MatMul', [value.name, [value.shape[dim]!, units]]), shape: withSize(value, dim, units) }; // prettier-ignore
  },
  (w, { name, shape }) => ({ name: w.add('LayerNormalization', [name, shape.slice(-1), shape.slice(-1)], { epsilon: f(0.1) }), shape }), // prettier-ignore
  (w, value, rng) => ({ name: w.add('Softmax', [value.name], { axis: 1 + pickDim(rng, value) }), shape: value.shape }), // prettier-ignore
  (w, value, rng) => {
    const dim = pickDim(rng, value);
    if (elementCount(value.shape) > 400) return undefined;
    const joined = w.add('Concat', [value.name, w.add('Relu', [value.name])], { axis: 1 + dim });
    return { name: joined, shape: withSize(value, dim, 2 * value.shape[dim]!) };
  },
  (w, value, rng) => {
    const dim = pickDim(rng, value);
    const size = value.shape[dim]!;
    if (size < 3 || value.shape.length > 3) return undefined;
    return { name: w.add('Slice', [value.name, int64s(1), int64s(size - 1), int64s(dim + 1)]), shape: withSize(value, dim, size - 2) }; // prettier-ignore
  },
  (w, { name, shape }) => {
    if (shape.length !== 3) return undefined;
    const padded = w.add('Pad', [name, int64s(0, 0, 1, 0, 0, 0, 0, 1)]);
    return { name: padded, shape: [shape[0]!, shape[1]! + 1, shape[2]! + 1] };
  },
  (w, { name, shape }, rng) => {
    // A gate: the mean of all but one axis.
    if (shape.length > 3 || shape.length < 2) return undefined;
    const kept = rng.integer(shape.length);
    const axes = [...shape.keys()].filter((dim) => dim !== kept).map((dim) => dim + 1);
    return { name: w.add('Mul', [name, w.add('ReduceMean', [name], { axes })]), shape };
  },
  (w, { name, shape }) => ({ name: w.add('Add', [w.add('Tanh', [name]), name]), shape }),
  (w, { name, shape }, rng) => {
    // The same numbers met again in another order.
    const turned = shape.length === 3 && shape[1] === shape[2] && rng.chance(0.7);
    if (!turned) return undefined;
    return { name: w.add('Add', [name, w.add('Transpose', [name], { perm: [0, 1, 3, 2] })]), shape };
  },
];

function chain(seed: number): Write {
  return (w, x) => {
    const rng = createRng(17).fork('chain', seed);
    let value: Value = { name: x, shape: [3, SIDE, SIDE] };
    for (let i = 2 + rng.integer(7); i > 0; i--)
      value = STEPS[rng.integer(STEPS.length)]!(w, value, rng) ?? value;
    return w.add('Gemm', [w.add('Flatten', [value.name]), [elementCount(value.shape), 3], [3]]);
  };
}

test(`${CASES} chains of operators`, async () => {
  let done = 0;
  for (let seed = 0; seed < CASES; seed++) {
    const write = chain(seed);
    if ((await convert(write)).kind === 'opaque') continue;
    done++;
    await converted(write).catch((cause: unknown) => {
      throw new Error(`chain ${seed}`, { cause });
    });
  }
  assert.ok(done > 0.9 * CASES, `${done} converted`);
});
