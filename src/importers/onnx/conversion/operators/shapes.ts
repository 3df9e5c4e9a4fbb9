// shapes.ts: operators that move numbers, leave some out or join them. Most of them add no layer.

import { foreignShape, plain, regrouped, reordered } from '../arrangement.ts';
import type { Call } from '../call.ts';
import { MAX_AXES } from '../constants.ts';
import { cuts } from '../fold-shapes.ts';
import { asItLies, lastOf, type Network } from '../network.ts';
import { elementCount, type Shape } from '../../../../util/shape.ts';
import { BATCH, numbers, type Computed, type Constant, type Size, type Tensor } from '../tensor.ts';
import type { Operator, Operators } from './operator.ts';

const same: Operator = (call) => call.computed();

const cast: Operator = (call) => {
  if (call.isToFloat) return call.computed();
  throw call.unsupported('of a computed tensor to whole numbers');
};

const castLike: Operator = (call) => {
  const like = call.inputs[1];
  if (like?.kind === 'constant' && !like.isFloat) throw call.unsupported('of a computed tensor to whole numbers'); // prettier-ignore
  return call.computed();
};

function asShape(call: Call, value: Computed, shape: Shape): Computed {
  if (shape.length >= MAX_AXES) throw call.unsupported(`to ${shape.length + 1} axes`);
  const arrangement = regrouped(value, shape);
  if (!arrangement) throw call.unsupported('that cuts axes in parts that do not fit');
  return { ...value, ...arrangement };
}

const reshape: Operator = (call) => {
  const value = call.computed();
  const target = Array.from(call.weight(1).values);
  return asShape(call, value, targetShape(call, target, foreignShape(value)));
};

/** The shape without the batch. A target names the batch, a size that it stands for, or leaves it to be computed. */
function targetShape(call: Call, [first, ...rest]: readonly Size[], own: Shape): Shape {
  const copied = rest.map((size, dim) => (size === 0 && !call.flag('allowzero') ? own[dim]! : size));
  const sizes = numbers(copied);
  const known = elementCount(sizes.filter((size) => size !== -1));
  const total = elementCount(own);
  const isWhole = sizes.includes(-1) ? total % known === 0 : known === total;
  const isBatch = first === BATCH || first === call.batch || first === 0 || first === 1 || first === -1;
  if (!isBatch || !isWhole) throw call.unsupported('that joins pictures of a batch');
  return sizes.map((size) => (size === -1 ? total / known : size));
}

const flatten: Operator = (call) => {
  const value = call.computed();
  const axis = call.int('axis', 1);
  if (axis !== 1 && axis !== -value.dims.length) throw call.unsupported('that joins pictures of a batch');
  return asShape(call, value, [elementCount(value.sizes)]);
};

const transpose: Operator = (call) => {
  const value = call.computed();
  const [batch, ...perm] = call.ints('perm') ?? [];
  const order = perm.map((axis) => axis - 1);
  const isEach = order.length === value.dims.length && value.dims.every((_, dim) => order.includes(dim));
  if (batch !== 0 || !isEach) throw call.unsupported('that moves the batch');
  return { ...value, ...reordered(value, order) };
};

const squeeze: Operator = (call) => {
  const value = call.computed();
  const axes = call.intsAt(1, 'axes');
  if (!axes) throw call.unsupported('that may leave out the batch');
  const out = axes.map((axis) => call.dim(axis, value));
  if (out.some((dim) => value.dims[dim]!.length > 0)) throw call.unsupported('of an axis that is not 1');
  return { ...value, dims: value.dims.filter((_, dim) => !out.includes(dim)) };
};

const unsqueeze: Operator = (call) => {
  const value = call.computed();
  const axes = call.intsAt(1, 'axes') ?? [];
  const rank = value.dims.length + axes.length;
  if (rank >= MAX_AXES) throw call.unsupported(`to ${rank + 1} axes`);
  const added = axes.map((axis) => (axis < 0 ? axis + rank + 1 : axis) - 1);
  if (added.some((dim) => dim < 0 || dim >= rank) || new Set(added).size < axes.length) throw call.unsupported('before the batch'); // prettier-ignore
  const own = [...value.dims];
  return { ...value, dims: Array.from({ length: rank }, (_, dim) => (added.includes(dim) ? [] : own.shift()!)) }; // prettier-ignore
};

const expand: Operator = (call) => {
  const value = call.computed();
  const [batch, ...sizes] = Array.from(call.weight(1).values);
  const own = foreignShape(value);
  const isSame = sizes.length === own.length && sizes.every((size, dim) => size === 1 || size === own[dim]);
  if (isSame && (batch === BATCH || batch === 1 || batch === call.batch)) return value;
  throw call.unsupported('of a computed tensor');
};

const concat: Operator = (call, network) => {
  const values = call.inputs.map((_, i) => call.computed(i));
  const first = values[0]!;
  const dim = call.dim(call.int('axis', 1), first);
  if (values.some(({ dims }) => dims.length !== first.dims.length)) throw call.unsupported('of tensors with different numbers of axes'); // prettier-ignore
  const order = lastOf(first, dim);
  const layers = values.map((value) => network.inOrder(value, order, call.name).layer);
  if (layers.length === 1) return first;
  return network.asLayer(network.b.concatenate(network.free(call.name), ...layers), order);
};

/** Places `begin` to `end` of a dimension, as a layer. */
function cut(call: Call, network: Network, { value, dim, begin, end }: { readonly value: Computed; readonly dim: number; readonly begin: number; readonly end: number }): Computed {
  const rank = value.dims.length;
  if (rank > 3 || rank === 0) throw call.unsupported(`of tensors of ${rank + 1} axes`);
  const size = foreignShape(value)[dim]!;
  if (begin === 0 && end === size) return value;
  if (end <= begin) throw call.unsupported('that leaves nothing');
  const order = asItLies(value);
  const from = network.asPicture(value, order, call.name);
  const name = network.free(call.name);
  const side = order.indexOf(dim) + 3 - rank;
  const [before, after] = [begin, size - end];
  const layer =
    side === 2
      ? network.b.sliceChannels(from, name, begin, end)
      : network.b.cropping2d(from, name, side === 0 ? { top: before, bottom: after, left: 0, right: 0 } : { top: 0, bottom: 0, left: before, right: after });
  const { sizes, dims } = plain(network.shapeOf(layer));
  return { kind: 'computed', layer, sizes, dims: value.dims.map((_, i) => dims[order.indexOf(i) + 3 - rank]!) };
} // prettier-ignore

const slice: Operator = (call, network) => {
  const input = call.computed();
  let value = input;
  for (const { axis, start, step, count } of cuts(call, [1, ...foreignShape(input)])) {
    // All of the batch: its size is not known, and every end is beyond it.
    if (axis === 0) throw call.unsupported('over the batch');
    if (step !== 1) throw call.unsupported(`with step ${step}`);
    value = cut(call, network, { value, dim: axis - 1, begin: start, end: start + count });
  }
  return value;
};

const split: Operator = (call, network) => {
  const whole = call.computed();
  const dim = call.dim(call.int('axis', 0), whole);
  // Moved once for all parts.
  const value = network.inOrder(whole, asItLies(whole), call.name);
  const size = foreignShape(value)[dim]!;
  const parts = call.node.outputs.length;
  const even = Math.ceil(size / call.int('num_outputs', parts));
  const sizes = call.intsAt(1, 'split') ?? Array.from({ length: parts }, (_, i) => Math.min(even, size - i * even)); // prettier-ignore
  if (sizes.length !== parts || sizes.reduce((a, b) => a + b, 0) !== size) throw call.unsupported('in parts that do not fit'); // prettier-ignore
  let begin = 0;
  return sizes.map((length): Tensor => {
    const part = cut(call, network, { value, dim, begin, end: begin + length });
    begin += length;
    return part;
  });
};

const pad: Operator = (call, network) => {
  const value = call.computed();
  const rank = value.dims.length;
  const mode = call.text('mode', 'constant');
  if (mode !== 'constant' || (call.floatAt(2, 'value') ?? 0) !== 0)
    throw call.unsupported('of other than zeros');
  const pads = call.intsAt(1, call.opset < 2 ? 'paddings' : 'pads') ?? [];
  const axes = call.constant(3) ? numbers(call.weight(3).values) : Array.from({ length: rank + 1 }, (_, axis) => axis); // prettier-ignore
  if (pads.length !== 2 * axes.length) throw call.unsupported('of sides that do not fit');
  const sides = axes.map((axis, i) => ({ axis: axis < 0 ? axis + rank + 1 : axis, before: pads[i]!, after: pads[i + axes.length]! })); // prettier-ignore
  const used = sides.filter(({ before, after }) => before !== 0 || after !== 0);
  if (used.length === 0) return value;
  const isRows = rank === 3 && used.every(({ axis, before, after }) => (axis === 2 || axis === 3) && before >= 0 && after >= 0); // prettier-ignore
  if (!isRows) throw call.unsupported('of other than rows and columns');
  const [rows, columns] = [2, 3].map((axis) => used.find((side) => side.axis === axis) ?? { before: 0, after: 0 }); // prettier-ignore
  const from = network.asPicture(value, [1, 2, 0], call.name);
  const zeros = { top: rows!.before, bottom: rows!.after, left: columns!.before, right: columns!.after };
  return network.asLayer(network.b.zeroPadding2d(from, network.free(call.name), zeros), [1, 2, 0]);
};

const shape: Operator = (call): Constant => {
  const whole: readonly Size[] = [BATCH, ...foreignShape(call.computed())];
  const end = call.int('end', whole.length);
  const values = whole.slice(call.int('start', 0), end);
  return { kind: 'constant', shape: [values.length], isFloat: false, values };
};

export const SHAPES: Operators = {
  Cast: cast,
  CastLike: castLike,
  Concat: concat,
  Dropout: same,
  Expand: expand,
  Flatten: flatten,
  Identity: same,
  Pad: pad,
  Reshape: reshape,
  Shape: shape,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
  // A view of the numbers of a batch: spelled-out.ts.
  View: (call) => asShape(call, call.computed(), call.ints('shape') ?? []),
};
