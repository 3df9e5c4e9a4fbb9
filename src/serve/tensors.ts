// tensors.ts: tensors of the v2 protocol: read from JSON or from the bytes behind it (the binary extension), checked for type and
// shape, and written likewise. Source: Triton's "Binary Tensor Data Extension" and KServe's "Open Inference Protocol v2".

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { jsonOf } from '../http/checked.ts';
import { fromBase64 } from './bodies.ts';
import { INFER_REQUEST, type InferRequest } from './schemas.ts';

/** Pictures as files, or as numbers `[H,W,3]` each. */
export type TensorInput =
  | { readonly kind: 'BYTES'; readonly pictures: readonly Buffer[] }
  | { readonly kind: 'UINT8'; readonly pictures: readonly Uint8Array[] }
  | { readonly kind: 'FP32'; readonly pictures: readonly Float32Array[] };

export interface ReadRequest {
  readonly request: InferRequest;
  readonly input: TensorInput;
}

/** How many bytes before the binary part are JSON. */
export const HEADER_LENGTH = 'inference-header-content-length';

/**
 * @param body JSON, and the bytes of the tensor behind it where `headerLength` says how long the JSON is
 * @param sides height and width of the pictures that the network takes
 * @throws AppError USAGE naming what is wrong
 */
export function readInferRequest(
  body: Buffer,
  headerLength: string | undefined,
  sides: readonly [height: number, width: number],
): ReadRequest {
  const length = headerLength === undefined ? body.length : Number(headerLength);
  if (!Number.isSafeInteger(length) || length < 0 || length > body.length) {
    throw new AppError('USAGE', `${HEADER_LENGTH} must be at most the body's ${body.length} bytes, received ${quoted(headerLength ?? '', 40)}`); // prettier-ignore
  }
  const request = jsonOf(body.subarray(0, length), INFER_REQUEST);
  return { request, input: inputOf(request.inputs[0]!, body.subarray(length), sides) };
}

type Given = InferRequest['inputs'][number];

function inputOf(given: Given, binary: Buffer, sides: readonly [number, number]): TensorInput {
  const { datatype, shape } = given;
  if (datatype === 'BYTES') {
    const pictures = binarySize(given, binary) === undefined ? base64Texts(given) : framed(binary);
    if (pictures.length > 0 && pictures.length === elementCount(shape)) return { kind: 'BYTES', pictures };
    throw new AppError('USAGE', `the input has ${pictures.length} elements, its shape ${formatShape(shape)} says ${elementCount(shape)}`); // prettier-ignore
  }
  if (datatype !== 'UINT8' && datatype !== 'FP32') {
    throw new AppError('USAGE', `datatype must be BYTES, UINT8 or FP32, received ${quoted(datatype)}`);
  }
  const [height, width] = sides;
  const fits = shape.length === 4 && shape[1] === height && shape[2] === width && shape[3] === 3;
  if (!fits || shape[0]! < 1) {
    throw new AppError('USAGE', `the shape must be [N,${height},${width},3], received ${formatShape(shape)}`);
  }
  const each = height * width * 3;
  const values = valuesOf(given, binary, shape[0]! * each);
  const pictures = Array.from({ length: shape[0]! }, (_, i) => values.subarray(i * each, (i + 1) * each));
  return { kind: datatype, pictures } as TensorInput;
}

/** @throws AppError USAGE where there are more or fewer, or other values than the type has */
function valuesOf(given: Given, binary: Buffer, count: number): Uint8Array | Float32Array {
  const isBytes = given.datatype === 'UINT8';
  const size = binarySize(given, binary);
  if (size !== undefined) {
    if (size !== count * (isBytes ? 1 : 4)) throw wrongCount(size / (isBytes ? 1 : 4), count);
    if (isBytes) return binary;
    // The bytes may lie anywhere in the body, and floats at multiples of four alone.
    return new Float32Array(binary.buffer.slice(binary.byteOffset, binary.byteOffset + size));
  }
  const numbers = flat(given.data);
  if (numbers.length !== count) throw wrongCount(numbers.length, count);
  const wrong = numbers.find((value) => !isValue(value, isBytes));
  if (wrong !== undefined) {
    throw new AppError('USAGE', `data must be ${isBytes ? 'whole numbers from 0 to 255' : 'numbers'}, received ${quoted(JSON.stringify(wrong), 40)}`); // prettier-ignore
  }
  return isBytes ? Uint8Array.from(numbers as number[]) : Float32Array.from(numbers as number[]);
}

const isValue = (value: unknown, isByte: boolean) =>
  typeof value === 'number' && (!isByte || (Number.isInteger(value) && value >= 0 && value <= 255));

const wrongCount = (received: number, expected: number) =>
  new AppError('USAGE', `the input has ${received} elements, its shape says ${expected}`);

/** The bytes of the input that lie behind the JSON; undefined where it is in the JSON. @throws AppError USAGE */
function binarySize({ parameters, data }: Given, binary: Buffer): number | undefined {
  const size = parameters?.['binary_data_size'];
  if (size === undefined && data !== undefined) return undefined;
  if (size === binary.length && data === undefined) return size;
  throw new AppError('USAGE', `an input has either data or binary_data_size, which is that of the bytes behind the JSON: ${binary.length}`); // prettier-ignore
}

/** Elements of bytes, each behind its length as a little-endian uint32. @throws AppError USAGE where they end within one */
function framed(binary: Buffer): readonly Buffer[] {
  const elements: Buffer[] = [];
  for (let at = 0; at < binary.length;) {
    const begin = at + 4;
    const end = begin <= binary.length ? begin + binary.readUInt32LE(at) : Infinity;
    if (end > binary.length) throw new AppError('USAGE', 'the BYTES end within an element');
    elements.push(binary.subarray(begin, end));
    at = end;
  }
  return elements;
}

/** In JSON, bytes are base64. */
function base64Texts({ data }: Given): readonly Buffer[] {
  return flat(data).map((text) => {
    if (typeof text === 'string') return fromBase64(text);
    throw new AppError('USAGE', 'BYTES in JSON must be texts of base64');
  });
}

/** The values of lists in lists, in their order. The depth of JSON is limited where it is parsed. */
function flat(data: unknown): readonly unknown[] {
  return Array.isArray(data) ? (data.flat(Infinity) as unknown[]) : [];
}

/** The probabilities of N pictures, `[N,classes]`. */
export interface Scores {
  readonly model: string;
  readonly rows: readonly Float64Array[];
}

export interface WrittenResponse {
  readonly body: Buffer;
  /** Present where the bytes of the tensor are behind the JSON. */
  readonly headerLength?: number;
}

/** The only output. @throws AppError USAGE where another was asked for */
export function writeInferResponse(
  { id, parameters, outputs }: InferRequest,
  { model, rows }: Scores,
): WrittenResponse {
  const other = outputs?.find(({ name }) => name !== OUTPUT);
  if (other) throw new AppError('USAGE', `the only output is ${OUTPUT}, received ${quoted(other.name)}`);
  const asked = outputs?.[0]?.parameters?.['binary_data'] ?? parameters?.['binary_data_output'];
  const classes = rows[0]!.length;
  const data = new Float32Array(rows.length * classes);
  rows.forEach((row, i) => data.set(row, i * classes));
  const bytes = Buffer.from(data.buffer);
  const content =
    asked === true ? { parameters: { binary_data_size: bytes.length } } : { data: Array.from(data) };
  const output = { name: OUTPUT, datatype: 'FP32', shape: [rows.length, classes], ...content };
  const json = Buffer.from(
    JSON.stringify({
      model_name: model,
      model_version: VERSION,
      ...(id !== undefined && { id }),
      outputs: [output],
    }),
  );
  return asked === true ? { body: Buffer.concat([json, bytes]), headerLength: json.length } : { body: json };
}

export const OUTPUT = 'probabilities';

/** A folder holds one version of a model. */
export const VERSION = '1';
