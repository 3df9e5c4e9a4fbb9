// netpbm.ts: PBM, PGM and PPM, as text and as bytes, to RGB. Source: netpbm.sourceforge.net/doc, ppm.html, pgm.html and pbm.html.

import { AppError } from '../../util/errors.ts';
import { roundHalfToEven } from '../../util/round.ts';
import type { Pixels, Rectangle } from '../resize.ts';

export interface NetpbmHeader {
  readonly width: number;
  readonly height: number;
  /** 1 for files of bits, where 1 is black; otherwise the value of white. */
  readonly white: number;
  readonly channels: 1 | 3;
  readonly isText: boolean;
  readonly isBits: boolean;
  /** Where the samples begin. */
  readonly begin: number;
}

const damaged = (problem: string) => new AppError('IMAGE_UNREADABLE', `the image is damaged: ${problem}`);

/** @throws AppError IMAGE_UNREADABLE */
export function readNetpbm(bytes: Buffer): NetpbmHeader {
  const type = bytes[1]! - 0x30;
  const isBits = type === 1 || type === 4;
  const numbers: number[] = [];
  const reader = { at: 2 };
  while (numbers.length < (isBits ? 2 : 3)) numbers.push(nextNumber(bytes, reader));
  const [width, height, white = 1] = numbers as [number, number, number?];
  if (width === 0 || height === 0) throw damaged(`its header says ${width}x${height}`);
  if (white < 1 || white > 65_535) throw damaged(`its header says that white is ${white}`);
  return {
    width,
    height,
    white,
    channels: type % 3 === 0 ? 3 : 1,
    isText: type < 4,
    isBits,
    begin: reader.at + 1,
  };
}

/** The next number in the text; comments run from # to the end of a line. */
function nextNumber(bytes: Buffer, reader: { at: number }): number {
  let value: number | undefined;
  for (; reader.at < bytes.length; reader.at++) {
    const byte = bytes[reader.at]!;
    const digit = byte - 0x30;
    if (digit >= 0 && digit <= 9) {
      value = (value ?? 0) * 10 + digit;
      if (value > 2 ** 31) break;
    } else if (value !== undefined) return value;
    else if (byte === 0x23) {
      while (reader.at < bytes.length && bytes[reader.at] !== 0x0a && bytes[reader.at] !== 0x0d) reader.at++;
    } else if (byte > 0x20) break;
  }
  if (value !== undefined && reader.at === bytes.length) return value;
  throw damaged('a number is missing in its header or its samples');
}

/**
 * How parts of a file are decoded. Text has no places to go to: it is read once, and its samples are kept.
 * @throws AppError IMAGE_UNREADABLE when it is called, and when a part is decoded
 */
export function openNetpbm(bytes: Buffer, header: NetpbmHeader): (part: Rectangle) => Pixels {
  const { width, height, white, channels, isText, isBits, begin } = header;
  const stride = isBits ? Math.ceil(width / 8) : width * channels * (white > 255 ? 2 : 1);
  // In text, a sample takes at least a digit, followed by a space unless it is a bit.
  const least = isText ? width * height * channels * (isBits ? 1 : 2) - 1 : stride * height;
  if (bytes.length - begin < least) throw damaged('it ends before its last row');
  const levels = levelsOf(header);
  const copies = 3 / channels;
  let written: Uint8Array | undefined;
  const sampleOf = (y: number, i: number): number => {
    if (written) return written[y * width * channels + i]!;
    const row = begin + y * stride;
    if (isBits) return levels[(bytes[row + (i >> 3)]! >> (7 - (i & 7))) & 1]!;
    const value = white > 255 ? bytes.readUInt16BE(row + 2 * i) : bytes[row + i]!;
    return levels[Math.min(value, white)]!;
  };
  return ({ left, top, width: across, height: down }) => {
    if (isText) written ??= textSamples(bytes, header, levels);
    const data = new Uint8Array(across * down * 3);
    for (let y = 0, to = 0; y < down; y++) {
      for (let i = left * channels; i < (left + across) * channels; i++) {
        const level = sampleOf(top + y, i);
        for (let copy = 0; copy < copies; copy++) data[to++] = level;
      }
    }
    return { data, width: across, height: down };
  };
}

/** The level of each value that a sample can have. The order of operations and the rounding are Pillow's. */
function levelsOf({ white, isBits }: NetpbmHeader): Uint8Array {
  if (isBits) return Uint8Array.of(255, 0);
  return Uint8Array.from({ length: white + 1 }, (_, value) => roundHalfToEven((value / white) * 255));
}

/** `[height, width, channels]` uint8 */
function textSamples(
  bytes: Buffer,
  { width, height, white, channels, isBits, begin }: NetpbmHeader,
  levels: Uint8Array,
): Uint8Array {
  const reader = { at: begin - 1 };
  const next = isBits ? nextBit : nextNumber;
  const samples = new Uint8Array(width * height * channels);
  for (let i = 0; i < samples.length; i++) samples[i] = levels[Math.min(next(bytes, reader), white)]!;
  return samples;
}

/** Bits written as text need no space between them. */
function nextBit(bytes: Buffer, reader: { at: number }): number {
  for (; reader.at < bytes.length; reader.at++) {
    const byte = bytes[reader.at]!;
    if (byte === 0x30 || byte === 0x31) return bytes[reader.at++]! - 0x30;
    if (byte === 0x23) while (reader.at < bytes.length && bytes[reader.at] !== 0x0a) reader.at++;
    else if (byte > 0x20) break;
  }
  throw damaged('a number is missing in its samples');
}
