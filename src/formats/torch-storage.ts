// torch-storage.ts: what a torch pickle is made of: storages, and tensors as views of them. No container is known here.

import { AppError } from '../util/errors.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { quoted } from '../util/quoted.ts';
import { Budget } from './budget.ts';
import { inertKind, isHarmlessName } from './inert-globals.ts';
import { COST, Global, INERT, type Call, type PickleRules, type PickleValue } from './pickle-machine.ts';
import type { Dtype } from './tensor-file.ts';
import { Storage, View } from './torch-view.ts';

const STORAGE_DTYPES: ReadonlyMap<string, Dtype> = new Map([
  ['torch.DoubleStorage', 'float64'],
  ['torch.FloatStorage', 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'bool'],
]);

/** No layer has more axes. */
const MAX_RANK = 16;
/** No weight has this many numbers. */
const MAX_ELEMENTS = 2 ** 31;

/**
 * Rules for the pickles of one torch file: what may be called and named, and nothing else. Storages are collected by key.
 * @param pickleBytes length of the pickles, which decides what they may cost
 */
export function torchRules(file: string, pickleBytes: number, storages: Map<string, Storage>): PickleRules {
  const invalid = (problem: string) => new AppError('FILE_INVALID', `${file}: ${problem}`);
  const budget = new Budget(pickleBytes, (problem) => invalid(`the pickle in it ${problem}`));

  const dictionaryOf: Call = ([pairs]) => {
    const entries = Array.isArray(pairs) ? pairs : [];
    budget.steps(entries.length);
    budget.bytes(COST.dictionary + entries.length * COST.entry);
    if (!entries.every((pair) => Array.isArray(pair) && pair.length === 2)) {
      throw invalid('the pickle in it makes a dictionary of what are no pairs');
    }
    return new Map(entries as [PickleValue, PickleValue][]);
  };
  const tensorOf: Call = ([storage, offset, shape, strides]) => {
    // The storage is of a type that no weight has: complex or quantised numbers.
    if (storage === INERT) return storage;
    if (!(storage instanceof Storage)) throw invalid('a tensor without a storage');
    if (!isSizes(shape) || !isSizes(strides) || shape.length !== strides.length) {
      throw invalid('a tensor with an impossible shape');
    }
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
      throw invalid('a tensor with an impossible offset');
    }
    budget.bytes(COST.object);
    const count = elementCount(shape);
    const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
    if (count > MAX_ELEMENTS || (count > 0 && !(last < storage.count))) {
      throw invalid(`a tensor ${formatShape(shape)} reaches beyond its storage of ${storage.count} numbers`);
    }
    // The lists are copied, because the pickle may change its own later.
    return new View(storage, offset, [...shape], [...strides]);
  };
  const first: Call = ([value = null]) => value;
  const calls: ReadonlyMap<string, Call> = new Map<string, Call>([
    ['collections.OrderedDict', dictionaryOf],
    ['torch._utils._rebuild_tensor', tensorOf],
    ['torch._utils._rebuild_tensor_v2', tensorOf],
    ['torch._utils._rebuild_parameter', first],
    ['torch._utils._rebuild_parameter_with_state', first],
    ['torch.Size', first],
    // A subclass of Tensor is read as the tensor inside it.
    [
      'torch._tensor._rebuild_from_type_v2',
      ([maker, , args]) => {
        const isTensor = maker instanceof Global && /^torch\._utils\._rebuild_tensor(_v2)?$/.test(maker.name);
        return isTensor && Array.isArray(args) ? tensorOf(args) : INERT;
      },
    ],
  ]);
  const inert: Call = () => INERT;
  const asDictionary: Call = (args) => dictionaryOf([args.findLast((arg) => Array.isArray(arg)) ?? null]);

  return {
    file,
    budget,
    call: (name) => {
      const own = calls.get(name);
      if (own) return own;
      const kind = inertKind(name);
      return kind && (kind === 'dictionary' ? asDictionary : inert);
    },
    mayName: isHarmlessName,
    persistent: (id) => {
      const [kind, type, key, , count, viewed] = Array.isArray(id) ? id : [];
      const isCount = typeof count === 'number' && Number.isSafeInteger(count) && count >= 0;
      if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !isCount) {
        throw invalid('refers to a storage in a way that torch does not');
      }
      const dtype = STORAGE_DTYPES.get(type.name);
      if (!dtype) return INERT;
      if (viewed !== undefined && viewed !== null)
        throw invalid('has views of storages, as only very old torch wrote');
      const known = storages.get(key);
      if (known) {
        if (known.dtype !== dtype || known.count !== count)
          throw invalid(`storage ${quoted(key)} is described in two ways`);
        return known;
      }
      budget.bytes(COST.object + COST.entry);
      const storage = new Storage(key, dtype, count);
      storages.set(key, storage);
      return storage;
    },
  };
}

function isSizes(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_RANK &&
    value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  );
}
