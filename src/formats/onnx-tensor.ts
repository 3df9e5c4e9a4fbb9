// onnx-tensor.ts: the tensors of an ONNX file: onnx.TensorProto -> bytes, in all its encodings. Sizes are checked before memory is taken.
// Source of the field numbers and encodings: onnx/onnx.proto of ONNX 1.19.

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { AppError } from '../util/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../util/float16.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape, type Shape } from '../util/shape.ts';
import type { Budget } from './budget.ts';
import type { ExternalPlace } from './onnx-external.ts';
import { bytes, encodedNumbers, ints, readFields, text, type FieldReader } from './protobuf.ts';

/** Bits of an element, and the field that holds elements where `raw_data` does not. */
const DATA_TYPES = {
  float32: { code: 1, bits: 32, field: 'float_data' },
  uint8: { code: 2, bits: 8, field: 'int32_data' },
  int8: { code: 3, bits: 8, field: 'int32_data' },
  uint16: { code: 4, bits: 16, field: 'int32_data' },
  int16: { code: 5, bits: 16, field: 'int32_data' },
  int32: { code: 6, bits: 32, field: 'int32_data' },
  int64: { code: 7, bits: 64, field: 'int64_data' },
  bool: { code: 9, bits: 8, field: 'int32_data' },
  float16: { code: 10, bits: 16, field: 'int32_data' },
  float64: { code: 11, bits: 64, field: 'double_data' },
  uint32: { code: 12, bits: 32, field: 'uint64_data' },
  uint64: { code: 13, bits: 64, field: 'uint64_data' },
  bfloat16: { code: 16, bits: 16, field: 'int32_data' },
  float8e4m3fn: { code: 17, bits: 8, field: 'int32_data' },
  float8e4m3fnuz: { code: 18, bits: 8, field: 'int32_data' },
  float8e5m2: { code: 19, bits: 8, field: 'int32_data' },
  float8e5m2fnuz: { code: 20, bits: 8, field: 'int32_data' },
  // Two in a byte.
  uint4: { code: 21, bits: 4, field: 'int32_data' },
  int4: { code: 22, bits: 4, field: 'int32_data' },
} as const;

export type OnnxDataType = keyof typeof DATA_TYPES;

const TYPE_NAMES: ReadonlyMap<number, OnnxDataType> = new Map(
  Object.entries(DATA_TYPES).map(([name, { code }]) => [code, name as OnnxDataType]),
);

/** onnx.TensorProto.DataType -> its name; absent for texts, complex numbers and what is newer than finch. */
export const dataTypeOf = (code: number): OnnxDataType | undefined => TYPE_NAMES.get(code);

/** onnx.TensorProto.DataType of a name. */
export const dataTypeCode = (type: OnnxDataType): number => DATA_TYPES[type].code;

export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxDataType;
  readonly shape: Shape;
  /** Little-endian, row-major; it may begin at any address. */
  readonly bytes: Uint8Array;
}

/** Networks have tensors of at most six axes; each is a factor of a product that must stay exact. */
const MAX_RANK = 16;

/** Where tensors are read. */
export interface TensorContext {
  readonly file: string;
  readonly budget: Budget;
  /** Told of a tensor whose bytes lie in another file; it throws where that is not allowed. */
  readonly onExternal: (tensor: { bytes: Uint8Array } & OnnxTensor, place: ExternalPlace) => void;
}

/** @throws AppError FILE_INVALID, MODEL_UNSUPPORTED */
export function readTensor(message: Uint8Array, { file, budget, onExternal }: TensorContext): OnnxTensor {
  let [name, code, location] = ['', 0, 0];
  let raw: Uint8Array | undefined;
  const shape: number[] = [];
  const external = new Map<string, string>();
  const pieces = new Map<string, Uint8Array[]>();
  const numbers = (field: string): FieldReader =>
    encodedNumbers((piece) => {
      const known = pieces.get(field);
      if (known) known.push(piece);
      else pieces.set(field, [piece]);
    });
  readFields(message, budget, {
    1: ints((size) => shape.push(size)),
    2: ints((value) => (code = value)),
    4: numbers('float_data'),
    5: numbers('int32_data'),
    7: numbers('int64_data'),
    8: text((value) => (name = value)),
    9: bytes((value) => (raw = value)),
    10: numbers('double_data'),
    11: numbers('uint64_data'),
    13: bytes((entry) => external.set(...readEntry(entry, budget))),
    14: ints((value) => (location = value)),
  });
  const refuse = (problem: string) => new AppError('FILE_INVALID', `${file}: tensor '${quoted(name)}' ${problem}`); // prettier-ignore
  const type = dataTypeOf(code);
  if (!type) {
    throw new AppError('MODEL_UNSUPPORTED', `${file}: tensor '${quoted(name)}' is of ONNX's type ${code}, which finch does not read`); // prettier-ignore
  }
  const { bits, field } = DATA_TYPES[type];
  const count = elementCount(shape);
  if (shape.length > MAX_RANK || !Number.isSafeInteger(8 * count) || shape.some((size) => size < 0)) {
    throw refuse(`has the impossible shape ${quoted(formatShape(shape), 60)}`);
  }
  const length = Math.ceil((count * bits) / 8);
  budget.bytes(TENSOR_BYTES);
  const tensor = { name, type, shape, bytes: EMPTY };
  if (location === EXTERNAL || external.size > 0) {
    onExternal(tensor, { entries: external, length });
  } else if (raw) {
    if (raw.length !== length) throw refuse(`has ${raw.length} bytes; ${type} ${formatShape(shape)} needs ${length}`); // prettier-ignore
    tensor.bytes = raw;
  } else {
    const values = bits < 8 ? length : count;
    const found = decode(pieces.get(field) ?? [], field, { values, length });
    if (typeof found === 'number') throw refuse(`has ${found} numbers; ${formatShape(shape)} needs ${values}`); // prettier-ignore
    tensor.bytes = found;
  }
  return tensor;
}

const EMPTY: Uint8Array = new Uint8Array(0);

/** What a tensor takes beside its numbers. */
const TENSOR_BYTES = 300;

/** onnx.TensorProto.DataLocation */
const EXTERNAL = 1;

/** onnx.StringStringEntryProto */
export function readEntry(message: Uint8Array, budget: Budget): [key: string, value: string] {
  const entry: [string, string] = ['', ''];
  readFields(message, budget, { 1: text((key) => (entry[0] = key)), 2: text((value) => (entry[1] = value)) });
  return entry;
}

type Field = (typeof DATA_TYPES)[OnnxDataType]['field'];

/** Bytes of a number in a field of numbers of fixed length, which are the tensor's as they are; or reads one of variable length. */
const NUMBERS_IN: Readonly<Record<Field, number | ((reader: BinaryReader) => bigint)>> = {
  float_data: 4,
  double_data: 8,
  int32_data: (reader) => BigInt(reader.int32()),
  int64_data: (reader) => BigInt(reader.int64()),
  uint64_data: (reader) => BigInt(reader.uint64()),
};

/** The bytes of `values` numbers, or how many numbers there are when it is another number of them. */
function decode(
  pieces: readonly Uint8Array[],
  field: Field,
  { values, length }: { readonly values: number; readonly length: number },
): Uint8Array | number {
  const read = NUMBERS_IN[field];
  if (typeof read === 'number') {
    const found = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (found !== length) return found / read;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
  }
  // Every byte of a number but its last has the highest bit set.
  const found = pieces.reduce(
    (sum, piece) => sum + piece.reduce((n, byte) => n + (byte < 0x80 ? 1 : 0), 0),
    0,
  );
  if (found !== values) return found;
  const result = new Uint8Array(length);
  const size = values === 0 ? 1 : length / values;
  let at = 0;
  for (const piece of pieces) {
    const reader = new BinaryReader(piece);
    while (reader.pos < reader.len) {
      let rest = read(reader);
      for (let i = 0; i < size; i++, rest >>= 8n) result[at++] = Number(rest & 0xffn);
    }
  }
  return result;
}

/** Views of a copy, since the bytes of a tensor may begin at any address. */
function aligned<T>(tensor: OnnxTensor, view: new (buffer: ArrayBuffer) => T): T {
  return new view(Uint8Array.from(tensor.bytes).buffer);
}

/** A tensor's numbers; 64-bit ones become the nearest that a number holds. Absent for types of less than 8 bits, and float8. */
export function numbersOf(tensor: OnnxTensor): (Iterable<number> & ArrayLike<number>) | undefined {
  return NUMBERS[tensor.type]?.(tensor);
}

const NUMBERS: Readonly<
  Partial<Record<OnnxDataType, (tensor: OnnxTensor) => Iterable<number> & ArrayLike<number>>>
> = {
  float32: (tensor) => aligned(tensor, Float32Array),
  float64: (tensor) => aligned(tensor, Float64Array),
  float16: (tensor) => float16ToFloat32(aligned(tensor, Uint16Array)),
  bfloat16: (tensor) => bfloat16ToFloat32(aligned(tensor, Uint16Array)),
  uint8: (tensor) => tensor.bytes,
  bool: (tensor) => tensor.bytes,
  int8: (tensor) => aligned(tensor, Int8Array),
  uint16: (tensor) => aligned(tensor, Uint16Array),
  int16: (tensor) => aligned(tensor, Int16Array),
  uint32: (tensor) => aligned(tensor, Uint32Array),
  int32: (tensor) => aligned(tensor, Int32Array),
  int64: (tensor) => Float64Array.from(aligned(tensor, BigInt64Array), Number),
  uint64: (tensor) => Float64Array.from(aligned(tensor, BigUint64Array), Number),
};
