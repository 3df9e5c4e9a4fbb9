// decode.ts: an image file's bytes -> RGB pixels, as Pillow's `convert('RGB')` gives them. The only import of sharp.
//
// Colour profiles are ignored and alpha is dropped without compositing, as torchvision does: networks were trained that
// way. Orientation is applied unless asked not to. Of animations, the first frame.

import type { Sharp, SharpOptions } from 'sharp';
import { AppError, messageOf } from '../util/errors.ts';
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

/** Drawings have no size of their own: they are rendered with at least this many pixels on the short side. */
const MIN_DRAWING_SIDE = 512;
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
 * @throws AppError IMAGE_UNREADABLE, IMAGE_TOO_LARGE
 */
export async function decodeImage(bytes: Buffer, options: DecodeOptions = {}): Promise<Pixels> {
  const { ignoreExif = false, maxPixels = DEFAULT_MAX_PIXELS } = options;
  if (bytes.length === 0) throw new AppError('IMAGE_UNREADABLE', 'the file is empty, expected an image');
  const sharp = await loadSharp();
  const input: SharpOptions = {
    ignoreIcc: true,
    limitInputPixels: maxPixels,
    // Like Pillow: damaged data is refused, an odd header is not.
    failOn: 'error',
  };
  try {
    const kind = await sniff(bytes, sharp);
    if (kind === 'svg') return await renderDrawing(bytes, sharp, input);
    const image = sharp(bytes, input);
    if (!ignoreExif) image.autoOrient();
    if (kind === 'cmyk') {
      image.pipelineColourspace('cmyk').toColourspace('cmyk');
      const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
      if (info.channels < 4) throw new Error(`a CMYK picture decoded to ${info.channels} channels`);
      return { data: rgbFromCmyk(data, info.channels), width: info.width, height: info.height };
    }
    image.removeAlpha().toColourspace('srgb');
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    return { data: rgbFromChannels(data, info.channels), width: info.width, height: info.height };
  } catch (error) {
    throw await explain(error, bytes, maxPixels, sharp);
  }
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
  return sharp(Buffer.from(svg), { density: DRAWING_DPI * scale })
    .png()
    .toBuffer();
}

type Kind = 'cmyk' | 'svg' | 'other';

/** What needs a way of its own. JPEGs, nearly all pictures there are, are told by their header alone. */
async function sniff(bytes: Buffer, sharp: Awaited<ReturnType<typeof loadSharp>>): Promise<Kind> {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegComponents(bytes) === 4 ? 'cmyk' : 'other';
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return 'other'; // PNG
  const { format, space } = await sharp(bytes, { limitInputPixels: false }).metadata();
  if (format === 'svg') return 'svg';
  return space === 'cmyk' ? 'cmyk' : 'other';
}

/** Colour components by the frame header; undefined where there is none. Source: ITU-T T.81, B.2.2. */
function jpegComponents(bytes: Buffer): number | undefined {
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return bytes[at + 9];
    // 0xff may be repeated as filling before a marker.
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
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

/** Transparent parts of a drawing are paper, not black: white is laid under it. */
async function renderDrawing(
  bytes: Buffer,
  sharp: Awaited<ReturnType<typeof loadSharp>>,
  input: SharpOptions,
): Promise<Pixels> {
  const { width, height } = await sharp(bytes, input).metadata();
  const enlarge = MIN_DRAWING_SIDE / Math.min(width, height);
  const density = Math.min(MAX_DRAWING_DPI, Math.max(DRAWING_DPI, Math.ceil(DRAWING_DPI * enlarge)));
  const { data, info } = await sharp(bytes, { ...input, density })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: rgbFromChannels(data, info.channels), width: info.width, height: info.height };
}

async function explain(
  error: unknown,
  bytes: Buffer,
  maxPixels: number,
  sharp: Awaited<ReturnType<typeof loadSharp>>,
): Promise<AppError> {
  const message = messageOf(error);
  if (/pixel limit/i.test(message)) {
    const size = await sharp(bytes, { limitInputPixels: false })
      .metadata()
      .then(({ width, height }) => `${width}x${height}`)
      .catch(() => 'very many pixels');
    return new AppError(
      'IMAGE_TOO_LARGE',
      `the picture is ${size}, the limit is ${maxPixels} pixels; raise it with --max-pixels if you trust the file`,
      { cause: error },
    );
  }
  if (/unsupported image format/i.test(message)) {
    return new AppError(
      'IMAGE_UNREADABLE',
      `not an image that finch can read (${contentOf(bytes)}); expected JPEG, PNG, WebP, AVIF, TIFF, GIF or SVG`,
      { cause: error },
    );
  }
  return new AppError('IMAGE_UNREADABLE', `the image is damaged: ${message}`, { cause: error });
}

/** What the bytes look like, for the message. */
function contentOf(bytes: Buffer): string {
  const head = bytes.subarray(0, 512);
  if (head.subarray(0, 2).toString('latin1') === 'BM') return 'it looks like BMP; convert it to PNG';
  if (head.subarray(4, 12).toString('latin1') === 'ftypheic') return 'it looks like HEIC; convert it to JPEG';
  if (/^\s*<(!doctype )?html/i.test(head.toString('latin1'))) return 'it looks like a web page';
  const isText = head.every((byte) => byte === 9 || byte === 10 || byte === 13 || byte >= 32);
  return isText ? 'it looks like text' : 'its content is unknown';
}
