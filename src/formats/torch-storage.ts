// torch-storage.ts: what a torch pickle is made of: storages, and tensors as views of them. No container is known here.

import { AppError } from '../util/errors.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { Global, type PickleRules, type PickleValue } from './pickle.ts';
import { DTYPE_BYTES, type Dtype, type RawTensor, type TensorMap } from './tensor-file.ts';

const STORAGE_DTYPES: Readonly<Record<string, Dtype>> = {
  'torch.DoubleStorage': 'float64',
  'torch.FloatStorage': 'float32',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.LongStorage': 'int64',
  'torch.IntStorage': 'int32',
  'torch.ShortStorage': 'int16',
  'torch.CharStorage': 'int8',
  'torch.ByteStorage': 'uint8',
  'torch.BoolStorage': 'bool',
};

/** No layer has more axes. */
const MAX_RANK = 16;
/** A view with strides of 0 unfolds without limit; no weight has this many numbers. */
const MAX_ELEMENTS = 2 ** 31;
const MAX_TENSORS = 100_000;

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
class View {
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

/** Rules for a torch pickle: what may be called and named, and nothing else. Storages are collected by key. */
export function torchRules(file: string, storages: Map<string, Storage>): PickleRules {
  const invalid = (problem: string) => new AppError('FILE_INVALID', `${file}: ${problem}`);
  return {
    file,
    names: new Set(Object.keys(STORAGE_DTYPES)),
    calls: {
      'collections.OrderedDict': ([pairs]) =>
        new Map((Array.isArray(pairs) ? pairs : []) as [PickleValue, PickleValue][]),
      'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides]) => {
        if (!(storage instanceof Storage)) throw invalid('a tensor without a storage');
        if (
          !isSizes(shape) ||
          !isSizes(strides) ||
          shape.length !== strides.length ||
          shape.length > MAX_RANK
        ) {
          throw invalid('a tensor with an impossible shape');
        }
        if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
          throw invalid('a tensor with an impossible offset');
        }
        const count = elementCount(shape);
        const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
        if (count > MAX_ELEMENTS || (count > 0 && !(last < storage.count))) {
          throw invalid(
            `a tensor ${formatShape(shape)} reaches beyond its storage of ${storage.count} numbers`,
          );
        }
        return new View(storage, offset, shape, strides);
      },
    },
    persistent: (id) => {
      const [kind, type, key, , count, viewed] = Array.isArray(id) ? id : [];
      const dtype = type instanceof Global ? STORAGE_DTYPES[type.name] : undefined;
      const isCount = typeof count === 'number' && Number.isSafeInteger(count) && count >= 0;
      if (kind !== 'storage' || !dtype || typeof key !== 'string' || !isCount) {
        throw invalid('refers to a storage in a way that torch does not');
      }
      if (viewed !== undefined && viewed !== null)
        throw invalid('has views of storages, as only very old torch wrote');
      const known = storages.get(key);
      if (known) {
        if (known.dtype !== dtype || known.count !== count)
          throw invalid(`storage ${key} is described in two ways`);
        return known;
      }
      const storage = new Storage(key, dtype, count);
      storages.set(key, storage);
      return storage;
    },
  };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

/** Where training scripts put the weights, most wanted first. */
const NESTED = ['state_dict', 'model_state_dict', 'model', 'state_dict_ema', 'ema'];

/**
 * The tensors of a checkpoint: a state dict, or a dictionary that has one. `module.`, left by DataParallel, is taken off.
 * Storages must have their bytes. @throws AppError FILE_INVALID
 */
export function stateDictOf(checkpoint: PickleValue, file: string): TensorMap {
  const dictionary = findStateDict(checkpoint);
  if (!dictionary) {
    throw new AppError(
      'FILE_INVALID',
      `${file} holds no state dict; in PyTorch, save model.state_dict() and import that`,
    );
  }
  const views = [...dictionary].filter((entry): entry is [string, View] => entry[1] instanceof View);
  if (views.length > MAX_TENSORS)
    throw new AppError('FILE_INVALID', `${file} has more than ${MAX_TENSORS} tensors`);
  const prefixed = views.every(([name]) => name.startsWith('module.'));
  return new Map(views.map(([name, view]) => [prefixed ? name.slice(7) : name, materialise(view, file)]));
}

function findStateDict(value: PickleValue): Map<PickleValue, PickleValue> | undefined {
  if (!(value instanceof Map)) return undefined;
  const isTensor = ([key, item]: [PickleValue, PickleValue]) =>
    typeof key === 'string' && item instanceof View;
  if ([...value].some(isTensor)) return value;
  for (const key of NESTED) {
    const inner: PickleValue | undefined = value.get(key);
    if (inner instanceof Map && [...inner].some(isTensor)) return inner;
  }
  return undefined;
}

/** Contiguous views share their storage's buffer, others are gathered into one of their own. */
function materialise({ storage, offset, shape, strides }: View, file: string): RawTensor {
  const { dtype, bytes: source } = storage;
  if (!source) throw new AppError('FILE_INVALID', `${file} has no data for storage ${storage.key}`);
  const size = DTYPE_BYTES[dtype];
  const count = elementCount(shape);
  if (count === 0) return { dtype, shape, bytes: new Uint8Array(0) };
  const isContiguous = shape.every(
    (length, axis) => length === 1 || strides[axis] === elementCount(shape.slice(axis + 1)),
  );
  if (isContiguous) return { dtype, shape, bytes: source.subarray(offset * size, (offset + count) * size) };
  const bytes = new Uint8Array(count * size);
  const index = shape.map(() => 0);
  for (let at = 0, from = offset; at < count; at++) {
    bytes.set(source.subarray(from * size, (from + 1) * size), at * size);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape, bytes };
}
