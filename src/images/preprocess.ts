// preprocess.ts: a picture of any size -> the pixels that a network expects, mostly a square, as torchvision's transforms make it.
// Normalisation is not done here: the engine does it.

import { sidesOf, type PictureSize, type Preprocessing } from '../util/preprocessing.ts';
import { roundHalfToEven } from '../util/round.ts';
import { resizeAndCrop, type Pixels } from './resize.ts';

/** @returns `[H,W,3]` uint8 */
export function preprocess(pixels: Pixels, preprocessing: Preprocessing): Uint8Array {
  const { interpolation } = preprocessing;
  switch (preprocessing.mode) {
    case 'squash': {
      const [height, width] = sidesOf(preprocessing.size);
      const whole = { left: 0, top: 0, width, height };
      return resizeAndCrop(pixels, whole, whole, interpolation).data;
    }
    case 'pad':
      return letterbox(pixels, preprocessing);
    case 'crop':
      return centreCrop(pixels, preprocessing);
    default:
      throw new Error(`no such resize mode: ${String(preprocessing.mode satisfies never)}`);
  }
}

/** torchvision's Resize(short side) and CenterCrop: a picture smaller than the crop is padded with 0. */
function centreCrop(pixels: Pixels, { size, resize, interpolation }: Preprocessing): Uint8Array {
  const [rows, columns] = sidesOf(size);
  const { width, height } = shortSideTo(pixels, resize);
  const across = span(width, columns);
  const down = span(height, rows);
  const crop = { left: across.from, top: down.from, width: across.length, height: down.length };
  const { data } = resizeAndCrop(pixels, { width, height }, crop, interpolation);
  if (crop.width === columns && crop.height === rows) return data;
  return placed(data, crop, size, { left: across.to, top: down.to }, [0, 0, 0]);
}

/** The picture as large as it fits; bars of the mean colour (0 after normalisation) fill the rest. */
function letterbox(pixels: Pixels, { size, interpolation, mean }: Preprocessing): Uint8Array {
  const [rows, columns] = sidesOf(size);
  const scale = Math.min(columns / pixels.width, rows / pixels.height);
  const width = Math.max(1, Math.round(pixels.width * scale));
  const height = Math.max(1, Math.round(pixels.height * scale));
  const whole = { left: 0, top: 0, width, height };
  const { data } = resizeAndCrop(pixels, whole, whole, interpolation);
  const offset = { left: (columns - width) >> 1, top: (rows - height) >> 1 };
  return placed(
    data,
    whole,
    size,
    offset,
    mean.map((m) => Math.round(m * 255)),
  );
}

/** torchvision truncates the long side: `int(size * long / short)`. */
function shortSideTo({ width, height }: Pixels, side: number): { width: number; height: number } {
  if (width <= height) return { width: side, height: Math.trunc((side * height) / width) };
  return { width: Math.trunc((side * width) / height), height: side };
}

/** Where `size` of `length` pixels are taken from the middle, and where they are put when there are fewer. */
function span(length: number, size: number): { from: number; to: number; length: number } {
  if (length >= size) return { from: roundHalfToEven((length - size) / 2), to: 0, length: size };
  // CenterCrop adds (size - length) // 2 pixels of padding before, and crops nothing.
  return { from: 0, to: (size - length) >> 1, length };
}

function placed(
  data: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  size: PictureSize,
  offset: { readonly left: number; readonly top: number },
  fill: readonly number[],
): Uint8Array {
  const [rows, columns] = sidesOf(size);
  const result = new Uint8Array(rows * columns * 3);
  if (fill.some((value) => value !== 0)) {
    for (let i = 0; i < result.length; i++) result[i] = fill[i % 3]!;
  }
  for (let row = 0; row < height; row++) {
    const from = row * width * 3;
    result.set(data.subarray(from, from + width * 3), ((offset.top + row) * columns + offset.left) * 3);
  }
  return result;
}
