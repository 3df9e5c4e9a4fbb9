// constants.ts: constants: making, broadcasting and reordering them.

import { elementCount, sameShape, type Shape } from '../../../util/shape.ts';
import { Unsupported, type Constant, type Size } from './tensor.ts';

/**
 * The most numbers of a constant that is larger than what it is computed from. Transposed weights keep their count and shapes have a few
 * numbers, so that only a hostile file asks for more.
 */
export const MAX_GROWN = 2 ** 20;

export const constant = (shape: Shape, values: ArrayLike<Size>, isFloat: boolean): Constant => ({
  kind: 'constant',
  shape,
  isFloat,
  values,
});
export const int64s = (values: readonly Size[]) => constant([values.length], values, false);

/** No network has tensors of more axes. */
export const MAX_AXES = 16;

/** Whether a constant has the numbers that its shape says. Of no numbers there are only lists: other sizes beside a 0 could be anything. */
export const isSound = ({ shape, values }: Constant): boolean =>
  shape.length <= (values.length === 0 ? 1 : MAX_AXES) &&
  shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
  elementCount(shape) === values.length;

/** Room for the numbers of a constant. @throws Unsupported where a shape from outside asks for what is no number of them */
export function room(count: number, isFloat: boolean): Float32Array | Size[] {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new Unsupported('makes a constant of an impossible size');
  return isFloat ? new Float32Array(count) : Array.from({ length: count }, () => 0);
}

export const stridesOf = (shape: Shape) => shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

export interface View {
  readonly shape: Shape;
  /** Steps in the source for each axis. */
  readonly strides: readonly number[];
  readonly offset?: number;
}

/** The numbers of a constant in another order, left out or repeated. */
export function viewed(source: Constant, { shape, strides, offset = 0 }: View): Constant {
  const count = elementCount(shape);
  if (count > Math.max(MAX_GROWN, source.values.length)) throw new Unsupported('makes too large a constant');
  const values = room(count, source.isFloat);
  const index = shape.map(() => 0);
  let from = offset;
  for (let at = 0; at < count; at++) {
    // Both are float32, or sizes.
    values[at] = source.values[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return constant(shape, values, source.isFloat);
}

export function broadcastTo(source: Constant, shape: Shape): Constant {
  if (sameShape(source.shape, shape)) return source;
  const missing = shape.length - source.shape.length;
  const own = stridesOf(source.shape);
  const strides = shape.map((size, axis) => {
    const has = axis < missing ? 1 : source.shape[axis - missing]!;
    if (has !== 1 && has !== size) throw new Unsupported('joins shapes that do not fit');
    return has === 1 ? 0 : own[axis - missing]!;
  });
  return viewed(source, { shape, strides });
}

export function broadcastShape(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const padded = shapes.map((shape) => [...Array.from({ length: rank - shape.length }, () => 1), ...shape]);
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = padded.map((shape) => shape[axis]!);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}
