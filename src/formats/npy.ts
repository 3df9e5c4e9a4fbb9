// npy.ts: NumPy's array file, version 1.0: written row by row with a count that is patched in place, read in blocks.
// Little-endian float32 and float16 in C order, which is what numpy.save writes on every usual machine.
// Source: numpy.lib.format, "A Simple File Format for NumPy Arrays".

import type { FileHandle } from 'node:fs/promises';
import { AppError, openingProblem } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { float16ToFloat32, float32ToFloat16 } from '../util/float16.ts';
import { elementCount, formatShape, type Shape } from '../util/shape.ts';
import { readExactly } from '../util/read-exactly.ts';

export const NPY_DTYPES = ['float32', 'float16'] as const;
export type NpyDtype = (typeof NPY_DTYPES)[number];

const DESCRIPTIONS = { float32: '<f4', float16: '<f2' } as const satisfies Record<NpyDtype, string>;
const BYTES = { float32: 4, float16: 2 } as const satisfies Record<NpyDtype, number>;

const MAGIC = '\x93NUMPY';

/** What finch writes before the rows: room for any count, and a multiple of 64, so that memory maps are aligned. */
export const NPY_HEADER_BYTES = 128;

/** numpy.load itself refuses headers longer than 10,000 bytes. */
const MAX_HEADER_BYTES = 10_000;

/** A row of more numbers is no feature; the limit also keeps the product of a false header's sizes exact. */
const MAX_ROW_NUMBERS = 2 ** 31;

/** Bytes of a row of this shape in a file. */
export function npyRowBytes(dtype: NpyDtype, rowShape: Shape): number {
  return elementCount(rowShape) * BYTES[dtype];
}

/** The 128 bytes before `count` rows of `rowShape`. */
export function npyHeader(dtype: NpyDtype, count: number, rowShape: Shape): Buffer {
  const sizes = [count, ...rowShape];
  const shape = sizes.length === 1 ? `(${count},)` : `(${sizes.join(', ')})`;
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  header.write(MAGIC, 'latin1');
  header.writeUInt8(1, 6);
  header.writeUInt8(0, 7);
  header.writeUInt16LE(NPY_HEADER_BYTES - 10, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', NPY_HEADER_BYTES - 1);
  return header;
}

/** Values as the file keeps them. */
export function npyBytes(dtype: NpyDtype, values: Float32Array): Buffer {
  const stored = dtype === 'float16' ? float32ToFloat16(values) : values;
  return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** Rows along the first axis. */
export interface NpyRows {
  readonly dtype: NpyDtype;
  readonly count: number;
  /** `[D]`, or `[H,W,C]`; empty for a list of numbers. */
  readonly rowShape: Shape;
  /** Rows `from` … `from + count - 1` one behind the other, as float32. @throws AppError FILE_INVALID */
  read(from: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a .npy file of float32 or float16.
 * @throws AppError FILE_INVALID when it is something else, or shorter than its header says; INPUT_NOT_FOUND
 */
export async function openNpy(file: string): Promise<NpyRows> {
  let handle: FileHandle;
  try {
    ({ handle } = await openRegularFile(file));
  } catch (error) {
    if (error instanceof AppError) throw error;
    const problem = openingProblem(error, 'no such file');
    throw new AppError('FILE_INVALID', `cannot open ${file}: ${problem}`, { cause: error });
  }
  try {
    return await rowsOf(handle, file);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function rowsOf(handle: FileHandle, file: string): Promise<NpyRows> {
  const invalid = (problem: string) => new AppError('FILE_INVALID', `${file} ${problem}`);
  const found = await handle.stat();
  const start = Buffer.alloc(12);
  const { bytesRead } = await handle.read(start, 0, 12, 0);
  if (bytesRead < 10 || start.toString('latin1', 0, 6) !== MAGIC) {
    throw invalid('is no .npy file; make one with: extract-features INPUT --out FILE.npy');
  }
  const version = start[6]!;
  if (version < 1 || version > 3) throw invalid(`is .npy version ${version}, expected 1 to 3`);
  const lengthBytes = version === 1 ? 2 : 4;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > MAX_HEADER_BYTES) {
    throw invalid(`has a header of ${length} bytes, more than ${MAX_HEADER_BYTES}`);
  }
  const header = Buffer.alloc(length);
  const offset = 8 + lengthBytes + length;
  await readExactly(handle, header, 8 + lengthBytes, file);
  const { dtype, shape } = parseHeader(header.toString('latin1'), invalid);
  const [count, ...rowShape] = shape as [number, ...number[]];
  const numbers = elementCount(rowShape);
  const rowBytes = npyRowBytes(dtype, rowShape);
  if (numbers > MAX_ROW_NUMBERS)
    throw invalid(`has rows of ${numbers} numbers, more than ${MAX_ROW_NUMBERS}`);
  if (!(offset + count * rowBytes <= found.size)) {
    throw invalid(
      `says it holds ${formatShape(shape)} ${dtype}, ${offset + count * rowBytes} bytes, but has ${found.size}: it was cut short`,
    );
  }
  return {
    dtype,
    count,
    rowShape,
    async read(from, wanted) {
      const bytes = new Uint8Array(wanted * rowBytes);
      await readExactly(handle, bytes, offset + from * rowBytes, file);
      return dtype === 'float16'
        ? float16ToFloat32(new Uint16Array(bytes.buffer))
        : new Float32Array(bytes.buffer);
    },
    close: () => handle.close(),
  };
}

/** The header is a Python dictionary; the three entries that NumPy writes are looked for, nothing is evaluated. */
function parseHeader(
  text: string,
  invalid: (problem: string) => AppError,
): { readonly dtype: NpyDtype; readonly shape: Shape } {
  const description = /'descr':\s*'([^']{1,20})'/.exec(text)?.[1];
  const dtype = NPY_DTYPES.find((name) => DESCRIPTIONS[name] === description);
  if (!dtype) throw invalid(`holds ${description ?? 'records'}, expected '<f4' (float32) or '<f2' (float16)`);
  if (!/'fortran_order':\s*False/.test(text)) {
    throw invalid('is in Fortran order; save it with numpy.ascontiguousarray');
  }
  const sizes = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  const shape = sizes?.split(',').map((size) => size.trim()).filter(Boolean).map(Number); // prettier-ignore
  if (!shape || shape.length === 0 || !shape.every(Number.isSafeInteger)) {
    throw invalid('does not say how many rows it has');
  }
  return { dtype, shape };
}
