// opened.ts: a picture file, looked at and checked, with how it is decoded. The size is known before anything is decoded.

import { gunzipSync } from 'node:zlib';
import { AppError, systemCode } from '../util/errors.ts';
import { renderElsewhere } from './drawing.ts';
import { openBmp, readBmp } from './files/bmp.ts';
import { notReadable, tooLarge, unsupported } from './files/explain.ts';
import { readGif } from './files/gif.ts';
import { readJpeg } from './files/jpeg.ts';
import { kindOf, type PictureKind } from './files/kinds.ts';
import { openNetpbm, readNetpbm } from './files/netpbm.ts';
import { readPng } from './files/png.ts';
import { checkDrawing } from './files/svg.ts';
import { readTiff, Tag } from './files/tiff.ts';
import { planYcbcr } from './files/ycbcr.ts';
import { BYTES_PER_PIXEL, MOST_BYTES } from './picture-memory.ts';
import type { Pixels, Rectangle, Size } from './resize.ts';
import { loadSharp } from './sharp.ts';
import { isReadInStrips, type Strips } from './strips.ts';
import {
  decodeCmyk,
  decodeRgb,
  decodeYcbcr,
  remarksOn,
  type Decode,
  type How,
  type Remarks,
} from './to-rgb.ts';

/**
 * Pictures with more pixels are refused unless `--max-pixels` says otherwise: a few kilobytes can unpack to gigabytes.
 * The value is Pillow's: twice the size at which it warns.
 */
export const DEFAULT_MAX_PIXELS = 178_956_970;

/** Roughly the memory that a drawing's process may take; most take far less, and are tried in less too. */
const DRAWING_BYTES = Math.min(256 * 1024 ** 2, MOST_BYTES);

/** A progressive JPEG is decoded once more for each scan. The largest picture with the usual ten scans is below this. */
const MAX_SCANNED_PIXELS = 4e9;

/** The size of a drawing's text after unpacking. */
const MAX_DRAWING_BYTES = 64 * 1024 * 1024;
/**
 * For decoders that hold the whole picture: one that takes more memory than this, and has more pixels for each byte of its file than
 * photos have, also at a low quality, is refused.
 */
const MAX_UNFOLDED_BYTES = 216 * 1024 ** 2;

interface Whole {
  readonly bytesPerPixel: number;
  readonly maxPixelsPerByte: number;
}
const WHOLE: Whole = { bytesPerPixel: BYTES_PER_PIXEL, maxPixelsPerByte: 50 };
/** The AV1 decoder holds several copies, 18 bytes for each pixel as measured; its photos take the fewest bytes. */
const WHOLE_AVIF: Whole = { bytesPerPixel: 18, maxPixelsPerByte: 200 };
/**
 * Decoders hold some dozens of rows, a strip is at least a row or a column, and the resize holds weights for each of its pixels: of
 * longer sides these are too much, and no photo has them.
 */
const MAX_SIDE = 1_000_000;
/** As measured, 22 bytes for each pixel of a single row. Bits, eight in a byte, are refused. */
const THIN: Whole = { bytesPerPixel: 30, maxPixelsPerByte: 4 };

/** A picture whose size is known. */
export interface Opened {
  /** Roughly the bytes that decoding takes. */
  readonly memory: number;
  readonly decode: () => Promise<Pixels>;
  /** Parts of it may be transparent, and look otherwise on white; else it has no other pixels there. */
  readonly hasAlpha?: boolean;
  /** What there may be to say about the pixels. */
  readonly remarks?: Remarks;
  /** Where the picture is large and its decoder does not hold it whole. */
  readonly strips?: Strips;
}

/** A picture that is read row by row. */
function openedByRows(bytes: Buffer, { width, height }: Size, how: How, decode: Decode): Opened {
  if (width > MAX_SIDE) return openedWhole(bytes, { width, height }, how, decode, THIN);
  return {
    memory: memoryFor(width, height, how),
    decode: () => decode(bytes, how),
    ...(isReadInStrips(width, height) && {
      strips: {
        stored: async () => {
          const { orientation, ...size } = await metadataOf(bytes);
          return how.ignoreExif ? size : { ...size, orientation };
        },
        decode: (part) => decode(bytes, how, part),
      },
    }),
  };
}

/** A picture whose parts finch itself reads from its bytes; such files know of no orientation. */
function openedByParts<Header extends Size>(
  bytes: Buffer,
  header: Header,
  how: How,
  open: (bytes: Buffer, header: Header) => (part: Rectangle) => Pixels,
): Opened {
  const { width, height } = header;
  const memory = memoryFor(width, height, how);
  const decodePart = open(bytes, header);
  const decode = async () => decodePart({ left: 0, top: 0, width, height });
  if (Math.max(width, height) > MAX_SIDE) return openedWhole(bytes, header, how, decode, THIN);
  return {
    memory,
    decode,
    ...(isReadInStrips(width, height) && {
      strips: { stored: async () => ({ width, height }), decode: async (part) => decodePart(part) },
    }),
  };
}

/** A picture that its decoder holds as a whole. */
function openedWhole(bytes: Buffer, size: Size, how: How, decode: Decode, whole = WHOLE): Opened {
  return { memory: unfoldedMemory(bytes, size, how, whole), decode: () => decode(bytes, how) };
}

/** @throws AppError IMAGE_TOO_LARGE, also for a few bytes that unfold into a large picture, unless --max-pixels was given */
function unfoldedMemory(bytes: Buffer, { width, height }: Size, how: How, whole = WHOLE): number {
  const memory = memoryFor(width, height, how, whole.bytesPerPixel);
  const most = bytes.length * whole.maxPixelsPerByte;
  const isTrusted = how.maxPixels !== DEFAULT_MAX_PIXELS;
  if (isTrusted || memory <= MAX_UNFOLDED_BYTES || width * height <= most) return memory;
  throw tooLarge(`${width}x${height} in a file of ${bytes.length} bytes`, most);
}

export const OPENERS: Readonly<Record<PictureKind, (bytes: Buffer, how: How) => Opened | Promise<Opened>>> = {
  jpeg(bytes, how) {
    const header = readJpeg(bytes);
    if (!header) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const { width, height, components, scans } = header;
    const decode = components === 4 ? decodeCmyk : decodeRgb;
    if (scans > 1 && width * height * scans > MAX_SCANNED_PIXELS) {
      throw new AppError(
        'IMAGE_TOO_LARGE',
        `the picture is ${width}x${height} in ${scans} scans; save it again`,
      );
    }
    return (scans === 1 ? openedByRows : openedWhole)(bytes, header, how, decode);
  },
  png(bytes, how) {
    const header = readPng(bytes);
    if (!header) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const opened = (header.isInterlaced ? openedWhole : openedByRows)(header.bytes, header, how, decodeRgb);
    return { ...opened, hasAlpha: header.hasAlpha, remarks: remarksOn(header.depth) };
  },
  gif(bytes, how) {
    const frame = readGif(bytes);
    if (!frame) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const { width, height, left, top, background } = frame;
    return openedWhole(bytes, frame, how, async () => {
      const pixels = await decodeRgb(frame.bytes, how);
      if (pixels.width === width && pixels.height === height) return pixels;
      const canvas = new Uint8Array(width * height * 3);
      for (let i = 0; i < canvas.length; i++) canvas[i] = background[i % 3]!;
      for (let y = 0; y < pixels.height; y++) {
        const row = pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3);
        canvas.set(row, ((top + y) * width + left) * 3);
      }
      return { data: canvas, width, height };
    });
  },
  async tiff(bytes, how) {
    const tiff = readTiff(bytes);
    // This check comes before the decoder, which complains on stderr about sides that are too large for its numbers.
    const memory = tiff && memoryFor(tiff.number(Tag.width, 1), tiff.number(Tag.height, 1), how);
    const plan = tiff && planYcbcr(tiff);
    if (plan === false) throw unsupported('a TIFF with YCbCr colours in an unusual layout');
    if (plan) {
      const decode = () => decodeYcbcr(plan, how.ignoreExif ? 1 : tiff.number(Tag.orientation, 1));
      return { memory: memory!, decode };
    }
    const found = await metadataOf(bytes);
    const { space, hasAlpha } = found;
    const opened = {
      ...openedByRows(bytes, found, how, space === 'cmyk' ? decodeCmyk : decodeRgb),
      hasAlpha,
    };
    return tiff ? { ...opened, remarks: remarksOn(tiff.number(Tag.bits, 1), tiff) } : opened;
  },
  async webp(bytes, how) {
    const found = await metadataOf(bytes);
    return { ...openedWhole(bytes, found, how, decodeRgb), hasAlpha: found.hasAlpha };
  },
  async avif(bytes, how) {
    const found = await metadataOf(bytes);
    return { ...openedWhole(bytes, found, how, decodeRgb, WHOLE_AVIF), hasAlpha: found.hasAlpha };
  },
  bmp(bytes, how) {
    const header = readBmp(bytes);
    unfoldedMemory(bytes, header, how);
    return openedByParts(bytes, header, how, openBmp);
  },
  netpbm(bytes, how) {
    return openedByParts(bytes, readNetpbm(bytes), how, openNetpbm);
  },
  svg(bytes, { maxPixels }) {
    if (bytes.length > MAX_DRAWING_BYTES) {
      throw new AppError(
        'IMAGE_TOO_LARGE',
        `the drawing has ${bytes.length} bytes, expected at most ${MAX_DRAWING_BYTES}`,
      );
    }
    checkDrawing(bytes, (embedded) => {
      const kind = kindOf(embedded);
      const size = kind === 'jpeg' ? readJpeg(embedded) : kind === 'png' ? readPng(embedded) : undefined;
      return size && size.width * size.height;
    });
    return { memory: DRAWING_BYTES, decode: () => renderElsewhere({ bytes, maxPixels }) };
  },
  svgz(bytes, how) {
    const unpacked = unpack(bytes);
    if (kindOf(unpacked) !== 'svg') throw notReadable('it is packed with gzip; unpack it');
    return OPENERS.svg(unpacked, how);
  },
};

function unpack(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_DRAWING_BYTES });
  } catch (error) {
    if (systemCode(error) !== 'ERR_BUFFER_TOO_LARGE')
      throw notReadable('it is packed with gzip; unpack it', error);
    throw new AppError('IMAGE_TOO_LARGE', `the drawing unpacks to more than ${MAX_DRAWING_BYTES} bytes`, {
      cause: error,
    });
  }
}

/** @throws AppError IMAGE_TOO_LARGE, IMAGE_UNREADABLE */
function memoryFor(
  width: number,
  height: number,
  { maxPixels }: How,
  bytesPerPixel = BYTES_PER_PIXEL,
): number {
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new AppError('IMAGE_UNREADABLE', `the image is damaged: its header says ${width}x${height}`);
  }
  if (width * height > maxPixels) throw tooLarge(`${width}x${height}`, maxPixels);
  return width * height * bytesPerPixel;
}

async function metadataOf(bytes: Buffer) {
  const sharp = await loadSharp();
  return sharp(bytes, { limitInputPixels: false }).metadata();
}
