// torch-view.ts: a tensor as torch keeps it, a window of a storage with strides, and its numbers put in order when they are wanted.

import { AppError } from '../util/errors.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { DTYPE_BYTES, type Dtype, type RawTensor } from './tensor-file.ts';

/** A view may repeat the numbers of a small storage without limit; no layer of a classifier has so many weights. */
const MAX_REPEATED_BYTES = 256 * 1024 ** 2;

/** A run of numbers that tensors look into; the container fills in the bytes. */
export class Storage {
  readonly key: string;
  readonly dtype: Dtype;
  readonly count: number;
  bytes: Uint8Array | undefined;
  constructor(key: string, dtype: Dtype, count: number) {
    this.key = key;
    this.dtype = dtype;
    this.count = count;
  }
  get byteLength(): number {
    return this.count * DTYPE_BYTES[this.dtype];
  }
}

/** A tensor before its storage has been read; offset and strides count elements. */
export class View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/**
 * The tensor of a view whose storage has its bytes. A contiguous one shares them; others are gathered each time `bytes` is asked for,
 * so that a tensor that nobody reads takes no memory.
 */
export function tensorOf(view: View, file: string): RawTensor {
  const { storage, offset, shape, strides } = view;
  const { dtype } = storage;
  const size = DTYPE_BYTES[dtype];
  const count = elementCount(shape);
  const isContiguous = shape.every(
    (length, axis) => length === 1 || strides[axis] === elementCount(shape.slice(axis + 1)),
  );
  const source = () => {
    if (storage.bytes) return storage.bytes;
    throw new AppError('FILE_INVALID', `${file} has no data for a storage of ${storage.count} numbers`);
  };
  return {
    dtype,
    shape,
    get bytes() {
      if (count === 0) return new Uint8Array(0);
      if (isContiguous) return source().subarray(offset * size, (offset + count) * size);
      if (count > storage.count && count * size > MAX_REPEATED_BYTES) {
        throw new AppError(
          'FILE_INVALID',
          `${file}: a tensor ${formatShape(shape)} repeats the ${storage.count} numbers of its storage; save a copy of it (.clone())`,
        );
      }
      return gather(source(), view, size);
    },
  };
}

/** Unsigned numbers of the element's size: the bits are copied without reading them as values. */
const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

function gather(source: Uint8Array, { offset, shape, strides }: View, size: 1 | 2 | 4 | 8): Uint8Array {
  const Words = WORDS[size];
  const from = new Words(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength / size);
  const to = new Words(elementCount(shape));
  const [inner, step] = [shape.at(-1) ?? 1, strides.at(-1) ?? 1];
  const index = shape.map(() => 0);
  let at = 0;
  for (let start = offset; at < to.length;) {
    for (let i = 0; i < inner; i++) to[at++] = from[start + i * step]!;
    // The next row: the last axis but one counts up and carries.
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      start += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      start -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return new Uint8Array(to.buffer);
}
