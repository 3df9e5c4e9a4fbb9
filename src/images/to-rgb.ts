// to-rgb.ts: a checked file -> RGB, by the native decoder: plain colours, inks, luma and chroma, drawings.

import type { Sharp, SharpOptions } from 'sharp';
import { tooLarge } from './files/explain.ts';
import { Tag, type Tiff } from './files/tiff.ts';
import type { YcbcrPlan } from './files/ycbcr.ts';
import type { Pixels } from './resize.ts';
import { loadSharp } from './sharp.ts';
import type { StoredPart } from './strips.ts';

export interface How {
  readonly ignoreExif: boolean;
  readonly maxPixels: number;
  readonly onWhite: boolean;
}

/** For comparison: the largest pictures take a few seconds. */
const LIMIT_SECONDS = 30;

/** Drawings have no size of their own: they are rendered with at least this many pixels on the short side … */
const MIN_DRAWING_SIDE = 512;
/** … unless that made more pixels than these, or a side that the renderer does not draw. */
const MAX_DRAWING_PIXELS = 16 * 1024 * 1024;
const MAX_DRAWING_SIDE = 32_767;
/** librsvg's resolution at which one user unit is one pixel, and the most that sharp accepts. */
export const DRAWING_DPI = 72;
const MAX_DRAWING_DPI = 7200;

/** @param part only this part; undefined for the whole */
async function open(bytes: Buffer, { ignoreExif, maxPixels }: How, part?: StoredPart): Promise<Sharp> {
  const sharp = await loadSharp();
  // As in Pillow, damaged data is refused but an unusual header is not.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' });
  image.timeout({ seconds: LIMIT_SECONDS });
  if (!part) return ignoreExif ? image : image.autoOrient();
  const { turn, isMirrored, ...place } = part;
  image.extract(place);
  if (turn !== 0) image.rotate(turn);
  return isMirrored ? image.flop() : image;
}

/** Bytes of a file -> RGB. */
export type Decode = (bytes: Buffer, how: How, part?: StoredPart) => Promise<Pixels>;

export const decodeRgb: Decode = async (bytes, how, part) => {
  const image = await open(bytes, how, part);
  const { data, info } = await (how.onWhite ? image.flatten({ background: '#ffffff' }) : image.removeAlpha())
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: rgbFromChannels(data, info.channels), width: info.width, height: info.height };
};

export const decodeCmyk: Decode = async (bytes, how, part) => {
  const image = await open(bytes, how, part);
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels < 4) throw new Error(`a CMYK picture decoded to ${info.channels} channels`);
  return { data: rgbFromCmyk(data, info.channels), width: info.width, height: info.height };
};

/** Pillow's conversion from inks: c' = (255 - c)(255 - k) / 255, rounded. */
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

export async function decodeYcbcr({ bytes, toRgb }: YcbcrPlan, orientation: number): Promise<Pixels> {
  const sharp = await loadSharp();
  // The size is already checked; a row of units has more numbers than pixels.
  const image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false, failOn: 'error' });
  const { channels } = await image.metadata();
  if (channels === 1) image.toColourspace('b-w');
  const pixels = toRgb(await image.raw().toBuffer());
  if (orientation === 1) return pixels;
  const { width, height } = pixels;
  const plain = sharp(Buffer.from(pixels.data.buffer), { raw: { width, height, channels: 3 } });
  const tagged = await plain.withMetadata({ orientation }).tiff({ compression: 'none' }).toBuffer();
  return decodeRgb(tagged, { ignoreExif: false, maxPixels: width * height, onWhite: false });
}

/** A quarter of white: 14-bit values stored in 16 bits reach it, 12-bit values do not. */
const DARK = 64;
const FLOAT = 3;

/** The remark about the pixels of a picture that it is shown, all at once or in parts. */
export interface Remarks {
  see(pixels: Pixels): Pixels;
  readonly remark: string | undefined;
}

/** Values of more than eight bits are assumed to use the whole range; in pictures of sensors and computations few do. */
export function remarksOn(bits: number, tiff?: Tiff): Remarks {
  let most = bits > 8 ? 0 : DARK;
  return {
    see(pixels) {
      if (most < DARK) for (const value of pixels.data) if (value > most) most = value;
      return pixels;
    },
    get remark() {
      if (most >= DARK) return undefined;
      const isFloat = tiff?.number(Tag.sampleFormat, 1) === FLOAT;
      const range = isFloat
        ? 'its numbers are taken for 0 to 255'
        : `its ${bits} bits are taken for the whole range`;
      return `the picture is almost black: ${range}; stretch them to it`;
    },
  };
}

/** Puts white under a drawing, so that its transparent parts look like paper and not black. Runs in drawing-process.ts. */
export async function rasterize(bytes: Buffer, maxPixels: number): Promise<Pixels> {
  const sharp = await loadSharp();
  const input: SharpOptions = { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' };
  const { width, height } = await sharp(bytes, { ...input, limitInputPixels: false }).metadata();
  if (width * height > maxPixels) throw tooLarge(`${width}x${height}`, maxPixels);
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
