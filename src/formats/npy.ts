// npy.ts: NumPy's array file, version 1.0: written row by row with a count that is patched in place, read in blocks.
// Little-endian float32 and float16 in C order, which is what numpy.save writes on every usual machine.
// Source: numpy.lib.format, "A Simple File Format for NumPy Arrays".

import type { FileHandle } from 'node:fs/promises';
import { AppError, openingProblem } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';
import { float16ToFloat32, float32ToFloat16 } from '../util/float16.ts';
import { elementCount, formatShape, type Shape } from '../util/shape.ts';
import { readExactly } from '../util/read-exactly.ts';
import {
  NPY_DESCRIPTIONS,
  NPY_MAGIC,
  NPY_START_BYTES,
  npyHeaderPlace,
  parseNpyHeader,
  type NpyDtype,
} from './npy-header.ts';

const BYTES = { float32: 4, float16: 2 } as const satisfies Record<NpyDtype, number>;

/** What finch writes before the rows: room for any count, and a multiple of 64, so that memory maps are aligned. */
export const NPY_HEADER_BYTES = 128;

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
  const text = `{'descr': '${NPY_DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  header.write(NPY_MAGIC, 'latin1');
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
  const start = Buffer.alloc(NPY_START_BYTES);
  const { bytesRead } = await handle.read(start, 0, NPY_START_BYTES, 0);
  const { from, to } = npyHeaderPlace(start.subarray(0, bytesRead), invalid);
  const header = Buffer.alloc(to - from);
  await readExactly(handle, header, from, file);
  const { dtype, shape } = parseNpyHeader(header.toString('latin1'), invalid);
  const [count, ...rowShape] = shape as [number, ...number[]];
  const numbers = elementCount(rowShape);
  const rowBytes = npyRowBytes(dtype, rowShape);
  if (numbers > MAX_ROW_NUMBERS)
    throw invalid(`has rows of ${numbers} numbers, more than ${MAX_ROW_NUMBERS}`);
  if (!(to + count * rowBytes <= found.size)) {
    throw invalid(
      `says it holds ${formatShape(shape)} ${dtype}, ${to + count * rowBytes} bytes, but has ${found.size}: it was cut short`,
    );
  }
  return {
    dtype,
    count,
    rowShape,
    async read(at, wanted) {
      const bytes = new Uint8Array(wanted * rowBytes);
      await readExactly(handle, bytes, to + at * rowBytes, file);
      return dtype === 'float16'
        ? float16ToFloat32(new Uint16Array(bytes.buffer))
        : new Float32Array(bytes.buffer);
    },
    close: () => handle.close(),
  };
}
