// explain.ts: turns a decoder's error into the message for the user. An unsupported picture is not called damaged.

import { AppError, messageOf } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { foreignKind, isSequence, type PictureKind } from './kinds.ts';
import { readTiff, Tag } from './tiff.ts';

/** @param size such as `20000x20000` */
export function tooLarge(size: string, maxPixels: number, cause?: unknown): AppError {
  return new AppError(
    'IMAGE_TOO_LARGE',
    `the picture is ${size}, the limit is ${maxPixels} pixels; raise it with --max-pixels if you trust the file`,
    { cause },
  );
}

/** The error for a file that is no picture, or a picture of a kind that finch does not read. */
export function notReadable(looksLike: string, cause?: unknown): AppError {
  return new AppError(
    'IMAGE_UNREADABLE',
    `not an image that finch can read (${looksLike}); expected JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, PPM or SVG`,
    { cause },
  );
}

/** The error for an intact file that contains something finch does not read. */
export function unsupported(what: string, cause?: unknown): AppError {
  return new AppError('IMAGE_UNREADABLE', `${what}, which finch does not read; convert it to PNG`, { cause });
}

const HEVC = /HEVC|libde265|compression format has not been built/i;

/** The user's error for anything that decoding threw. */
export function explain(
  error: unknown,
  bytes: Buffer,
  kind: PictureKind | undefined,
  maxPixels: number,
): AppError {
  if (error instanceof AppError) return error;
  const message = messageOf(error);
  if (error instanceof RangeError && /memory|allocation|array length/i.test(message)) {
    return new AppError('OUT_OF_MEMORY', `there is not enough memory to decode it (${message})`, {
      cause: error,
    });
  }
  if (/pixel limit/i.test(message)) return tooLarge('very many pixels', maxPixels, error);
  if (/^timeout/i.test(message)) {
    return new AppError('IMAGE_TOO_SLOW', 'the picture is not decoded in time; save it again', {
      cause: error,
    });
  }
  if (kind === undefined) return notReadable(foreignKind(bytes), error);
  if (/unsupported image format/i.test(message)) {
    if (kind !== 'avif') return new AppError('IMAGE_UNREADABLE', 'the image is damaged: its header cannot be read', { cause: error }); // prettier-ignore
    return isSequence(bytes) ? unsupported('an AVIF of several pictures', error) : notReadable(foreignKind(bytes), error); // prettier-ignore
  }
  if (kind === 'avif' && HEVC.test(message))
    return notReadable('it looks like HEIC; convert it to JPEG', error);
  if (kind === 'svg' && /bad dimensions/i.test(message)) {
    return new AppError('IMAGE_UNREADABLE', 'the drawing is empty: its width or height is 0, or nothing is in it', { cause: error }); // prettier-ignore
  }
  if (kind === 'svg' && /zero-sized/i.test(message)) {
    return new AppError('IMAGE_UNREADABLE', 'the drawing has no size that can be drawn: too large, or nothing at all; convert it to PNG', { cause: error }); // prettier-ignore
  }
  const lacking = kind === 'tiff' && lackingOf(bytes);
  if (lacking) return unsupported(lacking, error);
  return new AppError('IMAGE_UNREADABLE', `the image is damaged: ${quoted(onceEach(error))}`, {
    cause: error,
  });
}

/** The decoder repeats a sentence for each strip or tile. */
function onceEach(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error))
    .split('\n')
    .map((line) => line.trim());
  return [...new Set(lines)].filter(Boolean).join('; ');
}

/** Compressions that the decoder supports: none, CCITT's, LZW, JPEG, Deflate (two numbers), PackBits. */
const COMPRESSIONS = new Set([1, 2, 3, 4, 5, 7, 8, 32946, 32773]);
const COMPRESSION_NAMES: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  32766: 'NeXT',
  32771: 'CCITT RLE by words',
  32809: 'ThunderScan',
  33003: 'JPEG 2000',
  33005: 'JPEG 2000',
  34661: 'JBIG',
  34676: 'SGI LogLuv',
  34677: 'SGI LogLuv',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34892: 'lossy JPEG',
  34925: 'LZMA',
  50000: 'Zstandard',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
};

/** Colours that cannot be converted to RGB without more information. */
const PHOTOMETRIC_NAMES: Readonly<Record<number, string>> = {
  8: 'Lab colours',
  9: 'ICC Lab colours',
  10: 'ITU Lab colours',
  32803: 'raw sensor values',
  32844: 'LogL values',
  32845: 'LogLuv values',
  34892: 'linear raw values',
};

/** The feature of a TIFF that the decoder does not support; undefined when the tags do not show it. */
function lackingOf(bytes: Buffer): string | undefined {
  const tiff = readTiff(bytes);
  if (!tiff) return undefined;
  const compression = tiff.number(Tag.compression, 1);
  if (!COMPRESSIONS.has(compression)) {
    return `a TIFF with ${COMPRESSION_NAMES[compression] ?? `unknown (${compression})`} compression`;
  }
  const colours = PHOTOMETRIC_NAMES[tiff.number(Tag.photometric, 0)];
  if (colours) return `a TIFF with ${colours}`;
  const isTiled = tiff.numbers(Tag.tileWidth) !== undefined;
  if (isTiled && tiff.number(Tag.planar, 1) === 2) return 'a TIFF with a tile for each colour';
  const bits = tiff.number(Tag.bits, 1);
  if (![1, 2, 4, 8, 16, 32, 64].includes(bits)) return `a TIFF of ${bits} bits a sample`;
  return undefined;
}
