// ycbcr.ts: TIFFs that hold luma and chroma without JPEG. The decoder would treat these numbers as colours, so it gets the file
// with tags that make them plain numbers; this file converts them. Sources: TIFF 6.0, section 21; libtiff's fixed-point sums.

import type { Pixels } from '../resize.ts';
import { Tag, type Tiff } from './tiff.ts';

export interface YcbcrPlan {
  /** The file as the decoder should see it. */
  readonly bytes: Buffer;
  /** Converts its pixels, `[rows, numbers]` of one or three channels, to RGB. */
  readonly toRgb: (data: Uint8Array) => Pixels;
}

const GREY = 1;
const RGB = 2;
const YCBCR = 6;
/** None, LZW, Deflate (two numbers) and PackBits. JPEG is not in the list: its own decoder converts the colours. */
const PLAIN_COMPRESSIONS = new Set([1, 5, 8, 32946, 32773]);
const SEPARATE_PLANES = 2;
const PREDICTED = 2;

/** Undefined for other TIFFs; `false` for layouts that are not read. */
export function planYcbcr(tiff: Tiff): YcbcrPlan | false | undefined {
  if (tiff.number(Tag.photometric, 0) !== YCBCR) return undefined;
  if (!PLAIN_COMPRESSIONS.has(tiff.number(Tag.compression, 1))) return undefined;
  const [width, height] = [tiff.number(Tag.width, 0), tiff.number(Tag.height, 0)];
  if (width === 0 || height === 0) return false;
  const bits = tiff.numbers(Tag.bits) ?? [1];
  if (bits.some((each) => each !== 8) || tiff.number(Tag.samples, 1) !== 3) return false;
  const [across = 2, down = 2] = tiff.numbers(Tag.subsampling) ?? [];
  if (![across, down].every((each) => [1, 2, 4].includes(each))) return false;
  const convert = converter(tiff);
  if (across * down === 1) {
    return {
      bytes: tiff.withTags({ [Tag.photometric]: RGB }),
      toRgb: (data) => whole(data, width, height, convert),
    };
  }
  const isTiled = tiff.numbers(Tag.tileWidth) !== undefined;
  const isSeparate = tiff.number(Tag.planar, 1) === SEPARATE_PLANES;
  const rows = tiff.number(Tag.rowsPerStrip, height);
  if (isTiled || isSeparate || tiff.number(Tag.predictor, 1) === PREDICTED) return false;
  if (rows < height && rows % down !== 0) return false;
  // A unit is a block of luma and one pair of chroma, so a row of units is a row of numbers.
  const unit = across * down + 2;
  const stride = Math.ceil(width / across) * unit;
  const bytes = tiff.withTags({
    [Tag.width]: stride,
    [Tag.height]: Math.ceil(height / down),
    [Tag.bits]: 8,
    [Tag.photometric]: GREY,
    [Tag.samples]: 1,
    [Tag.rowsPerStrip]: Math.ceil(Math.min(rows, height) / down),
  });
  return { bytes, toRgb: (data) => fromUnits(data, { width, height, across, down, stride }, convert) };
}

type Converter = (y: number, cb: number, cr: number, rgb: Uint8Array, at: number) => void;

function whole(data: Uint8Array, width: number, height: number, convert: Converter): Pixels {
  const rgb = new Uint8Array(width * height * 3);
  for (let at = 0; at < rgb.length; at += 3) convert(data[at]!, data[at + 1]!, data[at + 2]!, rgb, at);
  return { data: rgb, width, height };
}

interface Units {
  readonly width: number;
  readonly height: number;
  /** Pixels that share a pair of chroma. */
  readonly across: number;
  readonly down: number;
  /** Bytes of a row of units. */
  readonly stride: number;
}

function fromUnits(
  data: Uint8Array,
  { width, height, across, down, stride }: Units,
  convert: Converter,
): Pixels {
  const rgb = new Uint8Array(width * height * 3);
  const luma = across * down;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const unit = Math.floor(y / down) * stride + Math.floor(x / across) * (luma + 2);
      const own = data[unit + (y % down) * across + (x % across)]!;
      convert(own, data[unit + luma]!, data[unit + luma + 1]!, rgb, (y * width + x) * 3);
    }
  }
  return { data: rgb, width, height };
}

const ONE = 65_536;
const HALF = ONE / 2;
const fixed = (value: number) => Math.trunc(Math.min(2, Math.max(0, value)) * ONE + 0.5);

/** Uses the file's own coefficients and reference levels, or else those of CCIR 601-1 and the whole range. */
function converter(tiff: Tiff): Converter {
  const [red = 0.299, green = 0.587, blue = 0.114] = tiff.numbers(Tag.lumaCoefficients) ?? [];
  const levels = tiff.numbers(Tag.blackAndWhite);
  const [y0, y1, b0, b1, r0, r1] =
    levels?.length === 6 ? (levels as Six) : ([0, 255, 128, 255, 128, 255] as Six);
  const [redOfCr, blueOfCb] = [fixed(2 - 2 * red), fixed(2 - 2 * blue)];
  const greenOfCr = -fixed((red * (2 - 2 * red)) / green);
  const greenOfCb = -fixed((blue * (2 - 2 * blue)) / green);
  const scaled = (from: number, to: number, range: number) => (code: number) =>
    Math.trunc(Math.max(-4096, Math.min(4096, ((code - from) * range) / (to - from || 1))));
  const table = (of: (code: number) => number) => Float64Array.from({ length: 256 }, (_, code) => of(code));
  const ys = table(scaled(y0, y1, 255));
  const cbs = table(scaled(b0, b1, 127));
  const crs = table(scaled(r0, r1, 127));
  return (y, cb, cr, rgb, at) => {
    const [light, b, r] = [ys[y]!, cbs[cb]!, crs[cr]!];
    rgb[at] = clamped(light + Math.floor((redOfCr * r + HALF) / ONE));
    rgb[at + 1] = clamped(light + Math.floor((greenOfCb * b + HALF + greenOfCr * r) / ONE));
    rgb[at + 2] = clamped(light + Math.floor((blueOfCb * b + HALF) / ONE));
  };
}

type Six = readonly [number, number, number, number, number, number];

const clamped = (value: number) => Math.max(0, Math.min(255, value));
