// preprocess.ts: a picture of any size -> the pixels that a network expects, mostly a square, as torchvision's transforms make it.
// Normalisation is not done here: the engine does it.

import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { roundHalfToEven } from '../util/round.ts';
import { resizeAndCrop, type Pixels, type Rectangle, type Resize, type Size } from './resize.ts';

/** How a picture becomes what a network expects: resized, cropped, and put into a larger picture where bars are needed. */
interface Plan extends Resize {
  readonly bars?: { readonly left: number; readonly top: number; readonly fill: readonly number[] };
}

/** @returns `[H,W,3]` uint8 */
export function preprocess(pixels: Pixels, preprocessing: Preprocessing): Uint8Array {
  const plan = planOf(pixels, preprocessing);
  return withBars(resizeAndCrop(pixels, plan.size, plan.crop, plan.interpolation), plan, preprocessing);
}

/** @param source the picture's size */
export function planOf(source: Size, preprocessing: Preprocessing): Plan {
  switch (preprocessing.mode) {
    case 'squash': {
      const [height, width] = sidesOf(preprocessing.size);
      return wholeAt({ width, height }, preprocessing);
    }
    case 'pad':
      return letterbox(source, preprocessing);
    case 'crop':
      return centreCrop(shortSideTo(source, preprocessing.resize), preprocessing);
    case 'squash-crop':
      return centreCrop({ width: preprocessing.resize, height: preprocessing.resize }, preprocessing);
    default:
      throw new Error(`no such resize mode: ${String(preprocessing.mode satisfies never)}`);
  }
}

/**
 * Where what the network sees lies on the picture, in the picture's pixels (edges between pixels, not their middles). With bars it reaches
 * beyond the picture.
 */
export function seenRegion(source: Size, preprocessing: Preprocessing): Rectangle {
  const { size, crop, bars = { left: 0, top: 0 } } = planOf(source, preprocessing);
  const [rows, columns] = sidesOf(preprocessing.size);
  const [across, down] = [source.width / size.width, source.height / size.height];
  return {
    left: (crop.left - bars.left) * across,
    top: (crop.top - bars.top) * down,
    width: columns * across,
    height: rows * down,
  };
}

const wholeAt = (size: Size, { interpolation }: Preprocessing): Plan => ({
  size,
  crop: { left: 0, top: 0, ...size },
  interpolation,
});

/** torchvision's CenterCrop behind a resize: a picture smaller than the crop is padded with 0. */
function centreCrop(whole: Size, { size, interpolation, cropOffset }: Preprocessing): Plan {
  const [rows, columns] = sidesOf(size);
  const across = span(whole.width, columns, cropOffset);
  const down = span(whole.height, rows, cropOffset);
  const crop = { left: across.from, top: down.from, width: across.length, height: down.length };
  const isFull = crop.width === columns && crop.height === rows;
  return {
    size: whole,
    crop,
    interpolation,
    ...(!isFull && { bars: { left: across.to, top: down.to, fill: [0, 0, 0] } }),
  };
}

/** The picture as large as it fits; bars of the mean colour (0 after normalisation) fill the rest. */
function letterbox(source: Size, preprocessing: Preprocessing): Plan {
  const { size, mean } = preprocessing;
  const [rows, columns] = sidesOf(size);
  const scale = Math.min(columns / source.width, rows / source.height);
  const width = Math.max(1, Math.round(source.width * scale));
  const height = Math.max(1, Math.round(source.height * scale));
  const bars = {
    left: (columns - width) >> 1,
    top: (rows - height) >> 1,
    fill: mean.map((m) => Math.round(m * 255)),
  };
  return { ...wholeAt({ width, height }, preprocessing), bars };
}

/** torchvision truncates the long side: `int(size * long / short)`. */
function shortSideTo({ width, height }: Size, side: number): Size {
  if (width <= height) return { width: side, height: Math.trunc((side * height) / width) };
  return { width: Math.trunc((side * width) / height), height: side };
}

/** Where `size` of `length` pixels are taken from the middle, and where they are put when there are fewer. */
function span(
  length: number,
  size: number,
  offset: Preprocessing['cropOffset'],
): { from: number; to: number; length: number } {
  const round = offset === 'down' ? Math.floor : roundHalfToEven;
  if (length >= size) return { from: round((length - size) / 2), to: 0, length: size };
  // CenterCrop adds (size - length) // 2 pixels of padding before, and crops nothing.
  return { from: 0, to: (size - length) >> 1, length };
}

/** @returns `[H,W,3]` uint8 */
export function withBars(
  { data, width, height }: Pixels,
  { bars }: Plan,
  { size }: Preprocessing,
): Uint8Array {
  if (!bars) return data;
  const { left, top, fill } = bars;
  const [rows, columns] = sidesOf(size);
  const result = new Uint8Array(rows * columns * 3);
  if (fill.some((value) => value !== 0)) {
    for (let i = 0; i < result.length; i++) result[i] = fill[i % 3]!;
  }
  for (let row = 0; row < height; row++) {
    const from = row * width * 3;
    result.set(data.subarray(from, from + width * 3), ((top + row) * columns + left) * 3);
  }
  return result;
}
