// decode.ts: an image file's bytes -> RGB pixels, as Pillow's `convert('RGB')` gives them. The only import of sharp.
//
// Colour profiles are ignored and alpha is dropped without compositing, as torchvision does: networks were trained that
// way. Orientation is applied unless asked not to. Of animations, the first frame.

import { gunzipSync } from 'node:zlib';
import type { Sharp, SharpOptions } from 'sharp';
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
import { readTiff, Tag, type Tiff } from './files/tiff.ts';
import { planYcbcr, type YcbcrPlan } from './files/ycbcr.ts';
import type { Pixels } from './resize.ts';

/**
 * Pictures with more pixels are refused unless `--max-pixels` says otherwise: a few kilobytes can unfold into gigabytes.
 * The value is Pillow's: twice what it warns of.
 */
const DEFAULT_MAX_PIXELS = 178_956_970;

export interface DecodeOptions {
  /** Ignore EXIF orientation, as torchvision does. */
  readonly ignoreExif?: boolean;
  readonly maxPixels?: number;
}

export interface Decoded extends Pixels {
  /** What the user may want to know of a picture that is sound. */
  readonly remark?: string;
}

/** What a pixel takes while it is decoded: RGB from the decoder, which grows its memory by doubling, and a copy to resize. */
const BYTES_PER_PIXEL = 9;
/** What a drawing's process may take by and large. */
const DRAWING_BYTES = 256 * 1024 ** 2;

/** The largest pictures take a few seconds. */
const LIMIT_SECONDS = 30;

/** A progressive JPEG is gone over again for each scan; the usual ten of the largest picture are fewer. */
const MAX_SCANNED_PIXELS = 4e9;

/** Drawings have no size of their own: they are rendered with at least this many pixels on the short side … */
const MIN_DRAWING_SIDE = 512;
/** … unless that made more pixels than these, or a side that the renderer does not draw. */
const MAX_DRAWING_PIXELS = 64 * 1024 * 1024;
const MAX_DRAWING_SIDE = 32_767;
/** Text, unpacked. */
const MAX_DRAWING_BYTES = 64 * 1024 * 1024;
/** librsvg's resolution at which one user unit is one pixel, and the most that sharp accepts. */
const DRAWING_DPI = 72;
const MAX_DRAWING_DPI = 7200;

let loading: Promise<(input: Buffer, options: SharpOptions) => Sharp> | undefined;

async function loadSharp() {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // Every picture is read once: a cache would only hold memory.
    sharp.cache(false);
    // Parallelism comes from decoding several pictures at a time.
    sharp.concurrency(1);
    return (input, options) => sharp(input, options);
  });
  return loading;
}

/**
 * @param bytes the whole file
 * @throws AppError IMAGE_UNREADABLE, IMAGE_TOO_LARGE, IMAGE_TOO_SLOW, OUT_OF_MEMORY
 */
export function decodeImage(bytes: Buffer, options: DecodeOptions = {}): Promise<Decoded> {
  return withDecoded(bytes, options, (pixels) => pixels);
}

/** Decodes and uses the pixels at once: until `use` ends, the memory they take is not given to other large pictures. */
export async function withDecoded<T>(
  bytes: Buffer,
  { ignoreExif = false, maxPixels = DEFAULT_MAX_PIXELS }: DecodeOptions,
  use: (pixels: Decoded) => T,
): Promise<T> {
  if (bytes.length === 0) throw new AppError('IMAGE_UNREADABLE', 'the file is empty, expected an image');
  const kind = kindOf(bytes);
  try {
    if (kind === undefined) throw notReadable(foreignKind(bytes));
    const { memory, decode } = await OPENERS[kind](bytes, { ignoreExif, maxPixels });
    return await withMemory(memory, async () => use(await decode()));
  } catch (error) {
    throw explain(error, bytes, kind, maxPixels);
  }
}

type How = Required<DecodeOptions>;

/** A picture whose size is known. */
interface Opened {
  /** Bytes that decoding takes by and large. */
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
    // Before the decoder sees it, which complains on stderr about sides beyond its numbers.
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

async function open(bytes: Buffer, { ignoreExif, maxPixels }: How): Promise<Sharp> {
  const sharp = await loadSharp();
  // Like Pillow: damaged data is refused, an odd header is not.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' });
  image.timeout({ seconds: LIMIT_SECONDS });
  return ignoreExif ? image : image.autoOrient();
}

async function decodeRgb(bytes: Buffer, how: How): Promise<Pixels> {
  const image = await open(bytes, how);
  const { data, info } = await image
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: rgbFromChannels(data, info.channels), width: info.width, height: info.height };
}

async function decodeCmyk(bytes: Buffer, how: How): Promise<Pixels> {
  const image = await open(bytes, how);
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels < 4) throw new Error(`a CMYK picture decoded to ${info.channels} channels`);
  return { data: rgbFromCmyk(data, info.channels), width: info.width, height: info.height };
}

/** Pillow's conversion: what ink leaves of white, c' = (255 - c)(255 - k) / 255, rounded. */
function rgbFromCmyk(data: Uint8Array, channels: number): Uint8Array {
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels) {
    const light = 255 - data[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = data[from + c]! * light + 128;
      rgb[to++] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

function rgbFromChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels) {
    for (let c = 0; c < 3; c++) rgb[to++] = data[from + (channels > 3 ? c : 0)]!;
  }
  return rgb;
}

async function decodeYcbcr({ bytes, toRgb }: YcbcrPlan, orientation: number): Promise<Pixels> {
  const sharp = await loadSharp();
  // The size was checked; a row of units has more numbers than pixels.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn: 'error' });
  const { channels } = await image.metadata();
  if (channels === 1) image.toColourspace('b-w');
  const pixels = toRgb(await image.raw().toBuffer());
  if (orientation === 1) return pixels;
  const { width, height } = pixels;
  const plain = sharp(Buffer.from(pixels.data.buffer), { raw: { width, height, channels: 3 } });
  const tagged = await plain.withMetadata({ orientation }).tiff({ compression: 'none' }).toBuffer();
  return decodeRgb(tagged, { ignoreExif: false, maxPixels: DEFAULT_MAX_PIXELS });
}

/** A quarter of white: what 14 bits reach in 16, and more than 12 do. */
const DARK = 64;
const FLOAT = 3;

/** Numbers of more than eight bits are taken for the whole range; in pictures of sensors and computations they often are not. */
async function remarked(decode: () => Promise<Pixels>, bits: number, tiff?: Tiff): Promise<Decoded> {
  const pixels = await decode();
  if (bits <= 8) return pixels;
  let most = 0;
  for (const value of pixels.data) if (value > most) most = value;
  if (most >= DARK) return pixels;
  const isFloat = tiff?.number(Tag.sampleFormat, 1) === FLOAT;
  const range = isFloat
    ? 'its numbers are taken for 0 to 255'
    : `its ${bits} bits are taken for the whole range`;
  return { ...pixels, remark: `the picture is almost black: ${range}; stretch them to it` };
}

/** Transparent parts of a drawing are paper, not black: white is laid under it. Runs in drawing-process.ts. */
export async function rasterize(bytes: Buffer, maxPixels: number): Promise<Pixels> {
  const sharp = await loadSharp();
  const input: SharpOptions = { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' };
  const { width, height } = await sharp(bytes, { ...input, limitInputPixels: false }).metadata();
  memoryFor(width, height, { ignoreExif: false, maxPixels });
  const most = Math.min(
    Math.sqrt(Math.min(MAX_DRAWING_PIXELS, maxPixels) / (width * height)),
    MAX_DRAWING_SIDE / Math.max(width, height),
  );
  const wanted = Math.max(1, MIN_DRAWING_SIDE / Math.min(width, height));
  const dpi = wanted <= most ? Math.ceil(DRAWING_DPI * wanted) : Math.floor(DRAWING_DPI * most);
  const density = Math.min(MAX_DRAWING_DPI, Math.max(1, dpi));
  const { data, info } = await sharp(bytes, { ...input, density })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: rgbFromChannels(data, info.channels), width: info.width, height: info.height };
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

/** An SVG of ours as PNG. @param scale pixels for each user unit */
export async function renderSvg(svg: string, scale: number): Promise<Buffer> {
  const sharp = await loadSharp();
  // What is drawn is limited by who draws it, not as a picture from outside is.
  return sharp(Buffer.from(svg), { density: DRAWING_DPI * scale, limitInputPixels: false })
    .png()
    .toBuffer();
}
