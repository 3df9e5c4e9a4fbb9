// fold.ts: constant folding: operators whose inputs are all constants, computed once. Exporters write arithmetic with shapes, and weights
// that are transposed or joined before they are used. The size of the batch is the symbol BATCH.

import type { OnnxNode } from '../../../formats/onnx-model.ts';
import { quoted } from '../../../util/quoted.ts';
import { elementCount } from '../../../util/shape.ts';
import type { Call } from './call.ts';
import { broadcastShape, broadcastTo, constant, int64s, isSound, room, stridesOf, viewed } from './constants.ts'; // prettier-ignore
import {
  concat,
  constantOfShape,
  gather,
  range,
  reshape,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from './fold-shapes.ts';
import { BATCH, floatsOf, numbers, Unsupported, type Constant, type Size } from './tensor.ts';

type Fold = (call: Call, ...inputs: readonly Constant[]) => Constant;

/** An operator on pairs of numbers. `batch` is its result where one of the two is the size of the batch; undefined where it is not known. */
const binary =
  (
    compute: (a: number, b: number, isFloat: boolean) => number,
    batch: (other: Size, isFirst: boolean) => Size | undefined = () => undefined,
  ): Fold =>
  (call, a, b, ...more) => {
    if (more.length > 0) throw call.unsupported('of more than two constants');
    const shape = broadcastShape([a.shape, b.shape]);
    const [left, right] = [broadcastTo(a, shape), broadcastTo(b, shape)];
    const values = room(left.values.length, left.isFloat);
    for (let i = 0; i < left.values.length; i++) {
      const x = left.values[i]!;
      const y = right.values[i]!;
      const result =
        typeof x === 'number' && typeof y === 'number'
          ? compute(x, y, left.isFloat)
          : batch(typeof x === 'number' ? x : y, typeof x !== 'number');
      if (result === undefined) throw new Unsupported('computes with the size of the batch');
      values[i] = result as number;
    }
    return constant(shape, values, left.isFloat);
  };

const reduction =
  (combine: (values: readonly number[]) => number): Fold =>
  (call, x) => {
    const { shape, isFloat } = x;
    const given = call.intsAt(1, 'axes') ?? [];
    const isOverAll = given.length === 0 && !call.flag('noop_with_empty_axes');
    const axes = isOverAll ? [...shape.keys()] : given.map((axis) => (axis < 0 ? axis + shape.length : axis));
    if (new Set(axes).size < axes.length || axes.some((axis) => shape[axis] === undefined)) throw call.unsupported('over axes that are not there'); // prettier-ignore
    const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const own = stridesOf(shape);
    const order = [...kept, ...axes];
    const turned = viewed(x, { shape: order.map((axis) => shape[axis]!), strides: order.map((axis) => own[axis]!) }); // prettier-ignore
    const each = elementCount(axes.map((axis) => shape[axis]!));
    const all = numbers(turned.values);
    const values = Array.from({ length: elementCount(kept.map((axis) => shape[axis]!)) }, (_, i) => combine(all.slice(i * each, (i + 1) * each))); // prettier-ignore
    const sizes = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const out = call.flag('keepdims', true) ? sizes : kept.map((axis) => shape[axis]!);
    return constant(out, isFloat ? Float32Array.from(values) : values, isFloat);
  };

const unary =
  (compute: (x: number) => number): Fold =>
  (_call, x) =>
    constant(x.shape, x.isFloat ? floatsOf(x).map(compute) : numbers(x.values).map(compute), x.isFloat);

/** The size of the batch is at least 1, so that it does not equal any number below 1. For other numbers the result is not known. */
const neverBatch = (result: number) => (other: Size) => (other !== BATCH && other < 1 ? result : undefined);
const unlessOther = (neutral: number) => (other: Size) => (other === neutral ? BATCH : undefined);

function where(_call: Call, condition: Constant, yes: Constant, no: Constant): Constant {
  const shape = broadcastShape([condition.shape, yes.shape, no.shape]);
  const [which, a, b] = [condition, yes, no].map((each) => broadcastTo(each, shape));
  const values = room(which!.values.length, yes.isFloat);
  for (let i = 0; i < values.length; i++) values[i] = (which!.values[i] ? a : b)!.values[i] as number;
  return constant(shape, values, yes.isFloat);
}

/** onnx.TensorProto.DataType */
const BOOL = 9;

function cast(call: Call, x: Constant): Constant {
  if (call.isToFloat) return constant(x.shape, floatsOf(x), true);
  if (call.int('to', 1) === BOOL) return constant(x.shape, numbers(x.values).map((value) => (value === 0 ? 0 : 1)), false); // prettier-ignore
  return x.isFloat ? constant(x.shape, numbers(x.values).map(Math.trunc), false) : x;
}

const same: Fold = (_call, x) => x;

const FOLDS: Readonly<Record<string, Fold>> = {
  Abs: unary(Math.abs),
  Add: binary((a, b) => a + b, unlessOther(0)),
  And: binary((a, b) => (a && b ? 1 : 0)),
  Cast: cast,
  CastLike: (_call, x, like) => (like.isFloat ? constant(x.shape, floatsOf(x), true) : x),
  Ceil: unary(Math.ceil),
  Concat: concat,
  ConstantOfShape: constantOfShape,
  Div: binary((a, b, isFloat) => (isFloat ? a / b : Math.trunc(a / b)), (other, isFirst) => (isFirst && other === 1 ? BATCH : undefined)), // prettier-ignore
  Equal: binary((a, b) => (a === b ? 1 : 0), neverBatch(0)),
  Exp: unary(Math.exp),
  Expand: (_call, x, shape) => broadcastTo(x, broadcastShape([x.shape, numbers(shape.values)])),
  Floor: unary(Math.floor),
  Gather: gather,
  Greater: binary((a, b) => (a > b ? 1 : 0)),
  Identity: same,
  Less: binary((a, b) => (a < b ? 1 : 0)),
  Max: binary((a, b) => Math.max(a, b)),
  Min: binary((a, b) => Math.min(a, b)),
  Mod: binary((a, b) => a - b * Math.floor(a / b)),
  Mul: binary((a, b) => a * b, unlessOther(1)),
  Neg: unary((x) => -x),
  Not: unary((x) => (x ? 0 : 1)),
  Or: binary((a, b) => (a || b ? 1 : 0)),
  Pow: binary((a, b) => a ** b),
  Range: range,
  Reciprocal: unary((x) => 1 / x),
  ReduceMax: reduction((values) => values.reduce((a, b) => Math.max(a, b), -Infinity)),
  ReduceMean: reduction((values) => values.reduce((a, b) => a + b, 0) / values.length),
  ReduceMin: reduction((values) => values.reduce((a, b) => Math.min(a, b), Infinity)),
  ReduceProd: reduction((values) => values.reduce((a, b) => a * b, 1)),
  ReduceSum: reduction((values) => values.reduce((a, b) => a + b, 0)),
  Reshape: reshape,
  Shape: (_call, x) => int64s(x.shape),
  Size: (_call, x) => constant([], [x.values.length], false),
  Slice: slice,
  Sqrt: unary(Math.sqrt),
  Squeeze: squeeze,
  Sub: binary((a, b) => a - b, (other, isFirst) => (isFirst && other === 0 ? BATCH : undefined)), // prettier-ignore
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  Where: where,
};

/** Whether there is a rule for a node's operator. */
export const hasFold = ({ op, domain }: OnnxNode): boolean => domain === '' && Object.hasOwn(FOLDS, op);

/**
 * The output of a node whose inputs are all known.
 * @throws Unsupported when the operator is none of these, or the numbers do not fit it
 */
export function fold(call: Call): Constant {
  const { op } = call.node;
  if (op === 'Constant') return literal(call);
  const rule = hasFold(call.node) ? FOLDS[op] : undefined;
  const inputs = call.inputs.map((_, index) => call.constant(index));
  // The parameters of a rule without a default, after `call`, are the inputs that it needs.
  const needed = inputs.slice(0, Math.max(rule?.length ?? 0, 2) - 1);
  if (!rule || needed.length + 1 < rule.length || needed.some((input) => input === undefined)) throw call.unsupported('of constants'); // prettier-ignore
  const areSound = inputs.every((input) => input === undefined || isSound(input));
  const result = areSound ? rule(call, ...(inputs as readonly Constant[])) : undefined;
  if (result && isSound(result)) return result;
  throw call.unsupported('of shapes that do not fit');
}

/** The value of a Constant node, whichever of its attributes holds it. */
function literal(call: Call): Constant {
  const [name, found] = [...call.node.attributes][0] ?? [];
  const tensor = call.tensor('value');
  if (tensor) return tensor;
  switch (found?.kind) {
    case 'int':
    case 'float':
      return constant([], [found.value], found.kind === 'float');
    case 'ints':
    case 'floats':
      return constant([found.value.length], found.value, found.kind === 'floats');
    default:
      throw call.unsupported(`of ${quoted(name ?? 'nothing', 40)}`);
  }
}
