// safetensors.ts: the safetensors container, read and written. The header is untrusted: every offset is checked before use.
// Source: the format description of huggingface/safetensors.

import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { writeFileAside } from '../util/files.ts';
import { parseJson } from '../util/json.ts';
import { quoted, quotedValue } from '../util/quoted.ts';
import { elementCount, formatShape } from '../util/shape.ts';
import { readExactly } from '../util/read-exactly.ts';
import { DTYPE_BYTES, type Dtype, type RawTensor, type TensorMap } from './tensor-file.ts';

const DTYPES: Readonly<Record<string, Dtype>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
/** Networks have thousands of tensors; a header of nothing but entries would cost memory before it is refused. */
const MAX_TENSORS = 100_000;
/** No layer has more axes; each is a factor of a product that must stay exact. */
const MAX_RANK = 16;

export interface SafetensorsFile {
  readonly tensors: TensorMap;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * @param only the names of the tensors that are read; by default all
 * @throws AppError FILE_INVALID when the header is false or the file is cut short
 */
export async function readSafetensors(file: string, only?: readonly string[]): Promise<SafetensorsFile> {
  const { handle, size } = await openRegularFile(file);
  try {
    const { entries, metadata, dataStart } = await readHeader(handle, file, size);
    checkCoverage(entries, size - dataStart, file);
    const tensors = new Map<string, RawTensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      if (only?.includes(name) === false) continue;
      // Each tensor goes straight into a buffer of its own: the whole file is never in memory as well.
      const bytes = new Uint8Array(end - begin);
      await readExactly(handle, bytes, dataStart + begin, file);
      tensors.set(name, { dtype, shape, bytes });
    }
    return { tensors, metadata };
  } finally {
    await handle.close();
  }
}

async function readHeader(handle: FileHandle, file: string, size: number) {
  if (size < 8) throw invalid(file, `has ${size} bytes, a safetensors file has at least 8`);
  const length = new Uint8Array(8);
  await readExactly(handle, length, 0, file);
  const headerBytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > size) {
    throw invalid(
      file,
      `says its header has ${headerBytes} bytes; the file has ${size}, the limit is ${MAX_HEADER_BYTES}`,
    );
  }
  const header = new Uint8Array(headerBytes);
  await readExactly(handle, header, 8, file);
  const parsed = parseJson(headerText(header, file), { what: `${file}: its header` });
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid(file, 'has a header that is no object');
  }
  const fields = Object.entries(parsed);
  if (fields.length > MAX_TENSORS)
    throw invalid(file, `names ${fields.length} tensors, more than ${MAX_TENSORS}`);
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  const entries: Entry[] = [];
  for (const [name, value] of fields) {
    if (name === '__metadata__') Object.assign(metadata, textsOf(value));
    else entries.push(readEntry(name, value, file));
  }
  return { entries, metadata, dataStart: 8 + headerBytes };
}

function headerText(header: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(header);
  } catch {
    throw invalid(file, 'has a header that is not UTF-8');
  }
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === 'string'));
}

function readEntry(name: string, value: unknown, file: string): Entry {
  const { dtype: code, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const dtype = typeof code === 'string' && Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  if (!dtype)
    throw invalid(
      file,
      `'${quoted(name)}' is of type ${quotedValue(code)}; known are ${Object.keys(DTYPES).join(', ')}`,
    );
  if (!isSizes(shape) || shape.length > MAX_RANK) {
    throw invalid(file, `'${quoted(name)}' has the impossible shape ${quotedValue(shape)}`);
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw invalid(file, `'${quoted(name)}' has the impossible offsets ${quotedValue(offsets)}`);
  }
  const bytes = elementCount(shape) * DTYPE_BYTES[dtype];
  const [begin, end] = offsets as readonly [number, number];
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
    throw invalid(
      file,
      `'${quoted(name)}' takes ${end - begin} bytes; ${dtype} ${formatShape(shape)} needs ${bytes}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

/** The tensors must tile the data: no overlap, no hole, nothing behind. That also bounds what is allocated. */
function checkCoverage(entries: readonly Entry[], dataBytes: number, file: string): void {
  let at = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      throw invalid(
        file,
        `'${quoted(name)}' begins at byte ${begin} of the data, expected ${at}: the header lies`,
      );
    }
    at = end;
  }
  if (at !== dataBytes)
    throw invalid(
      file,
      `promises ${at} bytes of tensors and has ${dataBytes}: the header lies or the file is cut short`,
    );
}

/** Writes tensors in the order given; the file appears whole or not at all. @throws AppError WRITE_FAILED */
export async function writeSafetensors(
  file: string,
  tensors: TensorMap,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const codes = new Map(Object.entries(DTYPES).map(([code, dtype]) => [dtype, code]));
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header.push([name, { dtype: codes.get(dtype), shape, data_offsets: [at, at + bytes.length] }]);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  padded.set(text);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  await writeFileAside(file, async (handle) => {
    await handle.writeFile(length);
    await handle.writeFile(padded);
    for (const { bytes } of tensors.values()) await handle.writeFile(bytes);
  });
}

function invalid(file: string, problem: string): AppError {
  return new AppError('FILE_INVALID', `${file} ${problem}`);
}
