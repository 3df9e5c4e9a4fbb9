// resize-kernels.ts: the memory that resize.wat works in, and calls to it. It knows bytes and tables, not pictures.

import { AppError } from '../util/errors.ts';
import { resizeModule } from './resize-module.ts';

/** For each result along one axis: where its window begins in the source, how long it is, and its weights. */
export interface Windows {
  readonly starts: Int32Array;
  /** At least 1 each. */
  readonly lengths: Int32Array;
  /** `taps` weights for each result, times 2^22. */
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Memory for one picture's passes. Addresses are byte offsets; they may lie before the memory if the windows do not. */
export interface Arena {
  /** Copies bytes in. @returns their address */
  put(bytes: Uint8Array): number;
  /** The horizontal pass over `rows` rows of `stride` bytes from `source` on. @returns the result's address */
  across(source: number, stride: number, rows: number, windows: Windows): number;
  /** The vertical pass over rows of `pixels` pixels, `stride` bytes apart, row 0 at `source`. @returns the result's address */
  down(source: number, stride: number, pixels: number, windows: Windows): number;
  /** Copies bytes out. */
  take(address: number, length: number): Uint8Array;
}

interface Kernels {
  readonly memory: WebAssembly.Memory;
  across(source: number, stride: number, rows: number, count: number, ...rest: number[]): void;
  down(source: number, stride: number, length: number, count: number, ...rest: number[]): void;
}

const PAGE = 65_536;
const MAX_PAGES = 65_536;

/** WebAssembly memory never shrinks: a picture that needs more than this gets a memory of its own. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** Kernels read and write a few bytes beyond the end; tables begin at multiples of 16. */
const SLACK = 16;

let kept: Kernels | undefined;

function instantiate(): Kernels {
  return new WebAssembly.Instance(resizeModule()).exports as unknown as Kernels;
}

/** Bytes that a table of windows takes in an arena. */
export function tableSize({ starts, lengths, weights }: Windows): number {
  return starts.byteLength + lengths.byteLength + weights.byteLength + 3 * SLACK;
}

/** @param bytes the total size of the data, results and tables in it. @throws AppError IMAGE_TOO_LARGE */
export function openArena(bytes: number): Arena {
  const size = bytes + 8 * SLACK;
  const kernels = size > KEPT_BYTES ? instantiate() : (kept ??= instantiate());
  const missing = Math.ceil(size / PAGE) - kernels.memory.buffer.byteLength / PAGE;
  if (Math.ceil(size / PAGE) > MAX_PAGES) {
    throw new AppError(
      'IMAGE_TOO_LARGE',
      'the picture is too large to be resized: more than 4 GiB of pixels',
    );
  }
  if (missing > 0) kernels.memory.grow(missing);
  const { buffer } = kernels.memory;
  let used = 0;
  const reserve = (length: number) => {
    const address = used;
    used += Math.ceil((length + SLACK) / SLACK) * SLACK;
    return address;
  };
  const put = (bytesIn: Uint8Array) => {
    const address = reserve(bytesIn.length);
    new Uint8Array(buffer, address, bytesIn.length).set(bytesIn);
    return address;
  };
  const putTable = (table: Int32Array) =>
    put(new Uint8Array(table.buffer, table.byteOffset, table.byteLength));
  return {
    put,
    across(source, stride, rows, { starts, lengths, weights, taps }) {
      const tables = [putTable(starts), putTable(lengths), putTable(weights)];
      const target = reserve(rows * starts.length * 3);
      kernels.across(source, stride, rows, starts.length, ...tables, taps, target);
      return target;
    },
    down(source, stride, pixels, { starts, lengths, weights, taps }) {
      const tables = [putTable(starts), putTable(lengths), putTable(weights)];
      const target = reserve(pixels * 3 * starts.length);
      kernels.down(source, stride, pixels * 3, starts.length, ...tables, taps, target);
      return target;
    },
    take: (address, length) => new Uint8Array(buffer, address, length).slice(),
  };
}
