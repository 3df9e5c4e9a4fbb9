// fold-shapes.ts: constant folding of the operators that move, join or make numbers.

import { elementCount, type Shape } from '../../../util/shape.ts';
import type { Call } from './call.ts';
import { constant, MAX_AXES, MAX_GROWN, room, stridesOf, viewed } from './constants.ts';
import { numbers, scalarOf, type Constant } from './tensor.ts';

export function reshape(call: Call, x: Constant, target: Constant): Constant {
  const wanted = numbers(target.values).map((size, axis) => (size === 0 && !call.flag('allowzero') ? x.shape[axis]! : size)); // prettier-ignore
  const known = elementCount(wanted.filter((size) => size !== -1));
  const shape = wanted.map((size) => (size === -1 ? x.values.length / known : size));
  if (elementCount(shape) !== x.values.length) throw call.unsupported('into a shape that does not fit');
  return { ...x, shape };
}

export function transpose(call: Call, x: Constant): Constant {
  const perm = call.ints('perm') ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  const own = stridesOf(x.shape);
  if (perm.length !== own.length || own.some((_, axis) => !perm.includes(axis))) throw call.unsupported('of axes that are not there'); // prettier-ignore
  return viewed(x, { shape: perm.map((axis) => x.shape[axis]!), strides: perm.map((axis) => own[axis]!) });
}

export function squeeze(call: Call, x: Constant): Constant {
  const axes = call.intsAt(1, 'axes')?.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  return { ...x, shape: x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)) };
}

export function unsqueeze(call: Call, x: Constant): Constant {
  const given = call.intsAt(1, 'axes') ?? [];
  const rank = x.shape.length + given.length;
  if (rank > MAX_AXES) throw call.unsupported(`to ${rank} axes`);
  const axes = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
  const sizes = [...x.shape];
  return { ...x, shape: Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (sizes.shift() ?? 1))) }; // prettier-ignore
}

export function concat(call: Call, ...given: readonly (Constant | undefined)[]): Constant {
  const parts = given.filter((part) => part !== undefined);
  const [first] = parts;
  if (!first || parts.length < given.length) throw call.unsupported('without an input');
  const { shape, isFloat } = first;
  const axis = call.int('axis', 0) + (call.int('axis', 0) < 0 ? shape.length : 0);
  const outer = elementCount(shape.slice(0, axis));
  const sizes = parts.map((part) => part.shape[axis] ?? 1);
  const total = sizes.reduce((a, b) => a + b, 0);
  const out = shape.map((size, at) => (at === axis ? total : size));
  const numbersIn = (of: Iterable<Constant>) => [...of].reduce((sum, part) => sum + part.values.length, 0);
  if (numbersIn(parts) !== elementCount(out)) throw call.unsupported('of shapes that do not fit');
  // The same numbers many times over.
  if (elementCount(out) > Math.max(MAX_GROWN, numbersIn(new Set(parts)))) throw call.unsupported('makes too large a constant'); // prettier-ignore
  const values = room(elementCount(out), isFloat);
  let at = 0;
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const length = part.values.length / outer;
      for (let i = 0; i < length; i++) values[at++] = part.values[row * length + i] as number;
    }
  }
  return constant(out, values, isFloat);
}

export function gather(call: Call, x: Constant, indices: Constant): Constant {
  const axis = call.int('axis', 0) + (call.int('axis', 0) < 0 ? x.shape.length : 0);
  const [size, inner] = [x.shape[axis] ?? 1, elementCount(x.shape.slice(axis + 1))];
  const outer = elementCount(x.shape.slice(0, axis));
  const places = numbers(indices.values).map((index) => (index < 0 ? index + size : index));
  if (places.some((place) => !(place >= 0 && place < size))) throw call.unsupported('of what is not there');
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  if (elementCount(shape) > Math.max(MAX_GROWN, x.values.length)) throw call.unsupported('makes too large a constant'); // prettier-ignore
  const values = room(elementCount(shape), x.isFloat);
  let at = 0;
  for (let row = 0; row < outer; row++) {
    for (const place of places) {
      for (let i = 0; i < inner; i++) values[at++] = x.values[(row * size + place) * inner + i] as number;
    }
  }
  return constant(shape, values, x.isFloat);
}

export function slice(call: Call, x: Constant): Constant {
  const own = stridesOf(x.shape);
  const [shape, strides, starts] = [[...x.shape], [...own], x.shape.map(() => 0)];
  for (const { axis, start, step, count } of cuts(call, x.shape)) {
    shape[axis] = count;
    starts[axis] = start;
    strides[axis] = own[axis]! * step;
  }
  return viewed(x, { shape, strides, offset: starts.reduce((sum, start, axis) => sum + start * own[axis]!, 0) }); // prettier-ignore
}

/** What a Slice leaves of each axis that it names. @param shape of its input */
export function cuts(call: Call, shape: Shape) {
  const starts = call.intsAt(1, 'starts') ?? [];
  const ends = call.intsAt(2, 'ends') ?? [];
  const axes = call.intsAt(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = call.intsAt(4, 'steps') ?? starts.map(() => 1);
  return starts.map((from, i) => {
    const axis = axes[i]! < 0 ? axes[i]! + shape.length : axes[i]!;
    const [size, step] = [shape[axis], steps[i]!];
    if (size === undefined || step === 0) throw call.unsupported('of axes that are not there');
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const clamp = (place: number) => Math.min(high, Math.max(low, place < 0 ? place + size : place));
    const start = clamp(from);
    return { axis, start, step, count: Math.max(0, Math.ceil((clamp(ends[i]!) - start) / step)) };
  });
}

export function constantOfShape(call: Call, sizes: Constant): Constant {
  const shape = numbers(sizes.values);
  if (!(elementCount(shape) <= MAX_GROWN)) throw call.unsupported('makes too large a constant');
  const value = call.tensor('value');
  const isFloat = value?.isFloat ?? true;
  const fill = scalarOf(value) ?? 0;
  return constant(shape, room(elementCount(shape), isFloat).fill(fill), isFloat);
}

export function range(call: Call, first: Constant, limit: Constant, step: Constant): Constant {
  const [from, to, by] = [first, limit, step].map(scalarOf);
  if (from === undefined || to === undefined || !by) throw call.unsupported('of numbers that are not known');
  const count = Math.max(0, Math.ceil((to - from) / by));
  if (count > MAX_GROWN) throw call.unsupported('makes too large a constant');
  const values = Array.from({ length: count }, (_, i) => from + i * by);
  return constant([count], first.isFloat ? Float32Array.from(values) : values, first.isFloat);
}
