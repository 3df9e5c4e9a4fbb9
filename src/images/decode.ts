// decode.ts: an image file's bytes -> RGB pixels, as Pillow's `convert('RGB')` gives them.
//
// Colour profiles are ignored and alpha is dropped without compositing, as torchvision does, because networks were trained
// that way. Orientation is applied unless the caller asks otherwise. Of an animation, the first frame is decoded.

import { gunzipSync } from 'node:zlib';
import { AppError, systemCode } from '../util/errors.ts';
import { withMemory } from '../util/memory-budget.ts';
import { renderElsewhere } from './drawing.ts';
import { decodeBmp, readBmp } from './files/bmp.ts';
import { explain, notReadable, tooLarge, unsupported } from './files/explain.ts';
import { readGif } from './files/gif.ts';
import { readJpeg } from './files/jpeg.ts';
import { foreignKind, kindOf, type PictureKind } from './files/kinds.ts';
import { decodeNetpbm, readNetpbm } from './files/netpbm.ts';
import { readPng } from './files/png.ts';
import { checkDrawing } from './files/svg.ts';
import { readTiff, Tag } from './files/tiff.ts';
import { planYcbcr } from './files/ycbcr.ts';
import type { Pixels } from './resize.ts';
import { loadSharp } from './sharp.ts';
import {
  decodeCmyk,
  decodeRgb,
  decodeYcbcr,
  DRAWING_DPI,
  remarked,
  type Decoded,
  type How,
} from './to-rgb.ts';

/**
 * Pictures with more pixels are refused unless `--max-pixels` says otherwise: a few kilobytes can unpack to gigabytes.
 * The value is Pillow's: twice the size at which it warns.
 */
const DEFAULT_MAX_PIXELS = 178_956_970;

export interface DecodeOptions {
  /** Ignore EXIF orientation, as torchvision does. */
  readonly ignoreExif?: boolean;
  readonly maxPixels?: number;
  /** For people to look at: white under what is transparent, where Pillow and torchvision drop the alpha channel. */
  readonly onWhite?: boolean;
}

/** Bytes for each pixel during decoding: RGB from the decoder, whose memory grows by doubling, and a copy to resize. */
const BYTES_PER_PIXEL = 9;
/** Roughly the memory that a drawing's process may take. */
const DRAWING_BYTES = 256 * 1024 ** 2;

/** A progressive JPEG is decoded once more for each scan. The largest picture with the usual ten scans is below this. */
const MAX_SCANNED_PIXELS = 4e9;

/** The size of a drawing's text after unpacking. */
const MAX_DRAWING_BYTES = 64 * 1024 * 1024;
/**
 * @param bytes the whole file
 * @throws AppError IMAGE_UNREADABLE, IMAGE_TOO_LARGE, IMAGE_TOO_SLOW, OUT_OF_MEMORY
 */
export function decodeImage(bytes: Buffer, options: DecodeOptions = {}): Promise<Decoded> {
  return withDecoded(bytes, options, (pixels) => pixels);
}

/** Decodes and uses the pixels at once: until `use` ends, other large pictures cannot have their memory. */
export async function withDecoded<T>(
  bytes: Buffer,
  { ignoreExif = false, maxPixels = DEFAULT_MAX_PIXELS, onWhite = false }: DecodeOptions,
  use: (pixels: Decoded) => T,
): Promise<T> {
  if (bytes.length === 0) throw new AppError('IMAGE_UNREADABLE', 'the file is empty, expected an image');
  const kind = kindOf(bytes);
  try {
    if (kind === undefined) throw notReadable(foreignKind(bytes));
    const { memory, decode } = await OPENERS[kind](bytes, { ignoreExif, maxPixels, onWhite });
    return await withMemory(memory, async () => use(await decode()));
  } catch (error) {
    throw explain(error, bytes, kind, maxPixels);
  }
}

/** A picture whose size is known. */
interface Opened {
  /** Roughly the bytes that decoding takes. */
  readonly memory: number;
  readonly decode: () => Promise<Decoded>;
}

const OPENERS: Readonly<Record<PictureKind, (bytes: Buffer, how: How) => Opened | Promise<Opened>>> = {
  jpeg(bytes, how) {
    const header = readJpeg(bytes);
    if (!header) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const { width, height, components, scans } = header;
    const memory = memoryFor(width, height, how);
    if (width * height * scans > MAX_SCANNED_PIXELS) {
      throw new AppError(
        'IMAGE_TOO_LARGE',
        `the picture is ${width}x${height} in ${scans} scans; save it again`,
      );
    }
    return { memory, decode: () => (components === 4 ? decodeCmyk : decodeRgb)(bytes, how) };
  },
  png(bytes, how) {
    const header = readPng(bytes);
    if (!header) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const { width, height, depth } = header;
    const decode = () => decodeRgb(header.bytes, how);
    return {
      memory: memoryFor(width, height, how),
      decode: depth > 8 ? () => remarked(decode, depth) : decode,
    };
  },
  gif(bytes, how) {
    const frame = readGif(bytes);
    if (!frame) return { memory: 0, decode: () => decodeRgb(bytes, how) };
    const { width, height, left, top, background } = frame;
    const decode = async () => {
      const pixels = await decodeRgb(frame.bytes, how);
      if (pixels.width === width && pixels.height === height) return pixels;
      const canvas = new Uint8Array(width * height * 3);
      for (let i = 0; i < canvas.length; i++) canvas[i] = background[i % 3]!;
      for (let y = 0; y < pixels.height; y++) {
        const row = pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3);
        canvas.set(row, ((top + y) * width + left) * 3);
      }
      return { data: canvas, width, height };
    };
    return { memory: memoryFor(width, height, how), decode };
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
    const found = await metadataOf(bytes, how);
    const decode = () => (found.space === 'cmyk' ? decodeCmyk : decodeRgb)(bytes, how);
    return {
      memory: found.memory,
      decode: tiff ? () => remarked(decode, tiff.number(Tag.bits, 1), tiff) : decode,
    };
  },
  webp: openWithDecoder,
  avif: openWithDecoder,
  bmp(bytes, how) {
    const header = readBmp(bytes);
    const memory = memoryFor(header.width, header.height, how);
    return { memory, decode: async () => decodeBmp(bytes, header) };
  },
  netpbm(bytes, how) {
    const header = readNetpbm(bytes);
    const memory = memoryFor(header.width, header.height, how);
    return { memory, decode: async () => decodeNetpbm(bytes, header) };
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
    if (systemCode(error) !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new AppError('IMAGE_TOO_LARGE', `the drawing unpacks to more than ${MAX_DRAWING_BYTES} bytes`, {
      cause: error,
    });
  }
}

/** @throws AppError IMAGE_TOO_LARGE, IMAGE_UNREADABLE */
function memoryFor(width: number, height: number, { maxPixels }: How): number {
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new AppError('IMAGE_UNREADABLE', `the image is damaged: its header says ${width}x${height}`);
  }
  if (width * height > maxPixels) throw tooLarge(`${width}x${height}`, maxPixels);
  return width * height * BYTES_PER_PIXEL;
}

async function metadataOf(bytes: Buffer, how: How) {
  const sharp = await loadSharp();
  const { width, height, space } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return { memory: memoryFor(width, height, how), space };
}

async function openWithDecoder(bytes: Buffer, how: How): Promise<Opened> {
  return { memory: (await metadataOf(bytes, how)).memory, decode: () => decodeRgb(bytes, how) };
}

/** A small JPEG of the pixels, for figures and pages. @param side the longest side at most, in pixels */
export async function encodeThumbnail(
  { data, width, height }: Pixels,
  side: number,
): Promise<{ readonly jpeg: Buffer; readonly width: number; readonly height: number }> {
  const sharp = await loadSharp();
  const { data: jpeg, info } = await sharp(Buffer.from(data.buffer, data.byteOffset, data.byteLength), {
    raw: { width, height, channels: 3 },
  })
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 85 })
    .toBuffer({ resolveWithObject: true });
  return { jpeg, width: info.width, height: info.height };
}

/** Renders an SVG made by finch as PNG. @param scale pixels for each user unit */
export async function renderSvg(svg: string, scale: number): Promise<Buffer> {
  const sharp = await loadSharp();
  // The caller limits the size of its own drawing; the limit for pictures from outside does not apply.
  return sharp(Buffer.from(svg), { density: DRAWING_DPI * scale, limitInputPixels: false })
    .png()
    .toBuffer();
}
