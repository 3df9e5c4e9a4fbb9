// decode.ts: an image file's bytes -> RGB pixels, as Pillow's `convert('RGB')` gives them.
//
// Colour profiles are ignored and alpha is dropped without compositing, as torchvision does, because networks were trained
// that way. Orientation is applied unless the caller asks otherwise. Of an animation, the first frame is decoded.

import { AppError } from '../util/errors.ts';
import { explain, notReadable } from './files/explain.ts';
import { foreignKind, kindOf } from './files/kinds.ts';
import { DEFAULT_MAX_PIXELS, OPENERS, type Opened } from './opened.ts';
import { withPictureMemory } from './picture-memory.ts';
import { resizeAndCrop, type Pixels, type Resize, type Size } from './resize.ts';
import { loadSharp } from './sharp.ts';
import { resizeStrips, STRIPS_BYTES, STRIPS_SHARE_BYTES } from './strips.ts';
import { DRAWING_DPI, type Remarks } from './to-rgb.ts';

export interface DecodeOptions {
  /** Ignore EXIF orientation, as torchvision does. */
  readonly ignoreExif?: boolean;
  readonly maxPixels?: number;
  /** For people to look at: white under what is transparent, where Pillow and torchvision drop the alpha channel. */
  readonly onWhite?: boolean;
  /** Refuse drawings (SVG): they are programs of a kind, and a server takes photos from strangers. */
  readonly noDrawings?: boolean;
}

interface Decoded extends Pixels {
  /** A remark for the user about a picture that is not damaged. */
  readonly remark?: string;
}

/**
 * @param bytes the whole file
 * @throws AppError IMAGE_UNREADABLE, IMAGE_TOO_LARGE, IMAGE_TOO_SLOW, OUT_OF_MEMORY
 */
export function decodeImage(bytes: Buffer, options: DecodeOptions = {}): Promise<Decoded> {
  return withOpened(bytes, options, ({ memory, decode, remarks }) =>
    withPictureMemory(memory, async () => {
      const pixels = await decode();
      remarks?.see(pixels);
      return { ...pixels, ...remarkOf(remarks) };
    }),
  );
}

interface DecodedResized extends Size {
  /** One for each resize that was asked for. */
  readonly resized: readonly Pixels[];
  readonly remark?: string;
}

/**
 * Decodes and resizes at once: other large pictures cannot have the memory meanwhile, and a large one is never there as a whole.
 * @param resizesFor how a picture of such a size is resized; told too whether parts of it may be transparent
 * @returns the size of the whole picture, and what the resizes gave
 */
export function decodeResized(
  bytes: Buffer,
  options: DecodeOptions,
  resizesFor: (source: Size, hasAlpha: boolean) => readonly Resize[],
): Promise<DecodedResized> {
  return withOpened(bytes, options, async ({ memory, decode, hasAlpha = false, remarks, strips }) => {
    const see = (pixels: Pixels) => remarks?.see(pixels) ?? pixels;
    const whole = async () => {
      const pixels = see(await decode());
      const { width, height } = pixels;
      const resized = resizesFor(pixels, hasAlpha).map(({ size, crop, interpolation }) =>
        resizeAndCrop(pixels, size, crop, interpolation),
      );
      return { resized, width, height };
    };
    const done = strips
      ? await withPictureMemory(
          STRIPS_BYTES,
          () =>
            resizeStrips({ ...strips, decode: async (part) => see(await strips.decode(part)) }, (source) =>
              resizesFor(source, hasAlpha),
            ),
          { share: STRIPS_SHARE_BYTES },
        )
      : await withPictureMemory(memory, whole);
    return { ...done, ...remarkOf(remarks) };
  });
}

async function withOpened<T>(
  bytes: Buffer,
  { ignoreExif = false, maxPixels = DEFAULT_MAX_PIXELS, onWhite = false, noDrawings = false }: DecodeOptions,
  use: (opened: Opened) => Promise<T>,
): Promise<T> {
  if (bytes.length === 0) throw new AppError('IMAGE_UNREADABLE', 'the file is empty, expected an image');
  const kind = kindOf(bytes);
  try {
    if (kind === undefined) throw notReadable(foreignKind(bytes));
    if (noDrawings && (kind === 'svg' || kind === 'svgz')) throw drawingRefused();
    return await use(await OPENERS[kind](bytes, { ignoreExif, maxPixels, onWhite }));
  } catch (error) {
    throw explain(error, bytes, kind, maxPixels);
  }
}

const drawingRefused = () =>
  new AppError('IMAGE_UNREADABLE', 'drawings (SVG) are not taken here; convert it to PNG');

const remarkOf = (remarks: Remarks | undefined) =>
  remarks?.remark === undefined ? {} : { remark: remarks.remark };

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

/** A PNG of the pixels. @param side the longest side at most, in pixels */
export async function encodePng({ data, width, height }: Pixels, side: number): Promise<Buffer> {
  const sharp = await loadSharp();
  return sharp(Buffer.from(data.buffer, data.byteOffset, data.byteLength), {
    raw: { width, height, channels: 3 },
  })
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer();
}

/** Renders an SVG made by finch as PNG. @param scale pixels for each user unit */
export async function renderSvg(svg: string, scale: number): Promise<Buffer> {
  const sharp = await loadSharp();
  // The caller limits the size of its own drawing; the limit for pictures from outside does not apply.
  return sharp(Buffer.from(svg), { density: DRAWING_DPI * scale, limitInputPixels: false })
    .png()
    .toBuffer();
}
