// bmp.ts: Windows and OS/2 bitmaps to RGB, as Pillow reads them: colours missing from a palette are greys, alpha is dropped.
// Sources: learn.microsoft.com, "Bitmap Storage" and BITMAPV5HEADER; Pillow's run lengths.

import { AppError } from '../../util/errors.ts';
import type { Pixels, Rectangle } from '../resize.ts';

export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** The bit masks of red, green and blue, where a pixel is one number with three parts. */
  readonly masks: readonly number[];
  /** The RGB colour of each index; empty where the pixels themselves are colours. */
  readonly palette: Uint8Array;
  /** Where the pixels begin. */
  readonly begin: number;
}

const RUN_LENGTHS_8 = 1;
const RUN_LENGTHS_4 = 2;
const MASKS = 3;
const MASKS_WITH_ALPHA = 6;
/** The header of OS/2, with numbers of 16 bits and colours of three bytes. */
const SHORT_HEADER = 12;

const unreadable = (problem: string) => new AppError('IMAGE_UNREADABLE', problem);
const damaged = (problem: string) => unreadable(`the image is damaged: ${problem}`);
const unsupported = (what: string) =>
  unreadable(`a BMP with ${what}, which finch does not read; convert it to PNG`);

/** @throws AppError IMAGE_UNREADABLE */
export function readBmp(bytes: Buffer): BmpHeader {
  const headerBytes = bytes.length < 18 ? 0 : bytes.readUInt32LE(14);
  if (bytes.length < Math.max(26, 14 + headerBytes)) throw damaged('it ends within its header');
  const isShort = headerBytes === SHORT_HEADER;
  const rows = isShort ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
  const width = isShort ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const bits = bytes.readUInt16LE(isShort ? 24 : 28);
  const compression = isShort ? 0 : bytes.readUInt32LE(30);
  if (width <= 0 || rows === 0) throw damaged(`its header says ${width}x${rows}`);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`${bits} bits a pixel`);
  const hasMasks = compression === MASKS || compression === MASKS_WITH_ALPHA;
  const isRuns = compression === (bits === 8 ? RUN_LENGTHS_8 : bits === 4 ? RUN_LENGTHS_4 : -1);
  if (compression !== 0 && !isRuns && !(hasMasks && bits >= 16)) {
    throw unsupported(`compression ${compression} of ${bits} bits a pixel`);
  }
  // A 40-byte header is followed by its masks; longer headers contain them, at the same place.
  if (hasMasks && bytes.length < 66) throw damaged('it ends within its masks');
  const masks = hasMasks ? [54, 58, 62].map((at) => bytes.readUInt32LE(at)) : (DEFAULT_MASKS[bits] ?? []);
  const paletteBegin = 14 + headerBytes;
  const said = isShort ? 0 : bytes.readUInt32LE(46);
  const colours = bits > 8 ? 0 : Math.min(said || 2 ** bits, 256);
  const entry = isShort ? 3 : 4;
  const offset = bytes.readUInt32LE(10);
  const isOffsetOfPalette = offset === paletteBegin && bits <= 8;
  return {
    width,
    height: Math.abs(rows),
    isTopDown: rows < 0,
    bits,
    compression,
    masks,
    palette: readPalette(bytes.subarray(paletteBegin, paletteBegin + entry * colours), entry, bits),
    begin: isOffsetOfPalette ? offset + entry * colours : offset || paletteBegin + entry * colours,
  };
}

const DEFAULT_MASKS: Readonly<Record<number, readonly number[]>> = {
  16: [0x7c00, 0x3e0, 0x1f],
  32: [0xff0000, 0xff00, 0xff],
};

function readPalette(table: Buffer, entry: number, bits: number): Uint8Array {
  if (bits > 8) return new Uint8Array();
  const palette = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  for (let i = 0; (i + 1) * entry <= table.length; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = table[entry * i + 2 - c]!;
  }
  return palette;
}

/**
 * How parts of a file are decoded. Run lengths have no places to go to: they are unrolled once, and their indices are kept.
 * @throws AppError IMAGE_UNREADABLE when it is called, and when a part is decoded
 */
export function openBmp(bytes: Buffer, header: BmpHeader): (part: Rectangle) => Pixels {
  const { width, height, bits, compression, isTopDown, begin, palette } = header;
  const stride = Math.floor((width * bits + 31) / 32) * 4;
  const isRuns = compression === RUN_LENGTHS_8 || compression === RUN_LENGTHS_4;
  const have = bytes.length - begin;
  // The last row may lack its padding.
  const needed = stride * (height - 1) + Math.ceil((width * bits) / 8);
  // Two bytes of run lengths stand for 255 pixels at most, or for a jump over 255 rows.
  if (isRuns ? have < 2 : have < needed) throw damaged('it ends before its last row');
  const toRgb = pixelReader(bytes, header);
  let indices: Uint8Array | undefined;
  return ({ left, top, width: across, height: down }) => {
    if (isRuns) indices ??= unrolled(bytes, header);
    const data = new Uint8Array(across * down * 3);
    for (let y = top, at = 0; y < top + down; y++) {
      const row = isTopDown ? y : height - 1 - y;
      for (let x = left; x < left + across; x++, at += 3) {
        if (indices) copyColour(palette, indices[row * width + x]!, data, at);
        else toRgb(begin + row * stride, x, data, at);
      }
    }
    return { data, width: across, height: down };
  };
}

function copyColour(palette: Uint8Array, index: number, data: Uint8Array, at: number): void {
  data[at] = palette[3 * index]!;
  data[at + 1] = palette[3 * index + 1]!;
  data[at + 2] = palette[3 * index + 2]!;
}

type PixelReader = (row: number, x: number, data: Uint8Array, at: number) => void;

/** Pixel `x` of the row that begins at `row`. */
function pixelReader(bytes: Buffer, { bits, masks, palette }: BmpHeader): PixelReader {
  if (bits <= 8) {
    const perByte = 8 / bits;
    const mask = 2 ** bits - 1;
    return (row, x, data, at) => {
      const shift = 8 - bits * ((x % perByte) + 1);
      copyColour(palette, (bytes[row + Math.floor(x / perByte)]! >> shift) & mask, data, at);
    };
  }
  if (bits === 24) {
    return (row, x, data, at) => {
      for (let c = 0; c < 3; c++) data[at + c] = bytes[row + 3 * x + 2 - c]!;
    };
  }
  const parts = masks.map((mask) => {
    const low = mask === 0 ? 1 : (mask & -mask) >>> 0;
    return { mask, low, most: Math.max(1, Math.floor(mask / low)) };
  });
  const read = bits === 16 ? (at: number) => bytes.readUInt16LE(at) : (at: number) => bytes.readUInt32LE(at);
  return (row, x, data, at) => {
    const value = read(row + (x * bits) / 8);
    parts.forEach(({ mask, low, most }, c) => {
      data[at + c] = Math.trunc((Math.floor(((value & mask) >>> 0) / low) * 255) / most);
    });
  };
}

/** Decodes run lengths to one index for each pixel, row by row in the stored order; skipped pixels are 0. */
function unrolled(bytes: Buffer, { width, height, compression, begin }: BmpHeader): Uint8Array {
  const indices = new Uint8Array(width * height);
  const isHalf = compression === RUN_LENGTHS_4;
  let at = 0;
  let x = 0;
  for (let from = begin; from + 1 < bytes.length && at < indices.length;) {
    const [count, value] = [bytes[from++]!, bytes[from++]!];
    if (count > 0) {
      const length = Math.max(0, Math.min(count, width - x));
      for (let i = 0; i < length; i++) indices[at++] = isHalf ? (i % 2 ? value & 15 : value >> 4) : value;
      x += length;
    } else if (value === 0) {
      at = Math.ceil(at / width) * width;
      x = 0;
    } else if (value === 1) {
      return indices;
    } else if (value === 2) {
      at += (bytes[from++] ?? 0) + (bytes[from++] ?? 0) * width;
      x = at % width;
    } else {
      const taken = isHalf ? Math.ceil(value / 2) : value;
      for (let i = 0; i < value && at < indices.length; i++) {
        const byte = bytes[from + (isHalf ? i >> 1 : i)] ?? 0;
        indices[at++] = isHalf ? (i % 2 ? byte & 15 : byte >> 4) : byte;
      }
      from += taken;
      x += value;
      // Literal runs are padded to 16 bits, counted from the beginning of the file as Pillow does.
      from += from % 2;
    }
  }
  if (at < indices.length) throw damaged('its run lengths end before its last row');
  return indices;
}
