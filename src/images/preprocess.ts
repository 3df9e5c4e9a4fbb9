// preprocess.ts: a picture of any size -> the square of pixels that a network expects, as torchvision's transforms make it.
// Normalisation is not done here: the engine does it.

import type { Preprocessing } from '../util/preprocessing.ts';
import { roundHalfToEven } from '../util/round.ts';
import { resizeAndCrop, type Pixels } from './resize.ts';

/** @returns `[size, size, 3]` uint8 */
export function preprocess(pixels: Pixels, preprocessing: Preprocessing): Uint8Array {
  const { size, interpolation } = preprocessing;
  switch (preprocessing.mode) {
    case 'squash': {
      const whole = { left: 0, top: 0, width: size, height: size };
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
  const { width, height } = shortSideTo(pixels, resize);
  const across = span(width, size);
  const down = span(height, size);
  const crop = { left: across.from, top: down.from, width: across.length, height: down.length };
  const { data } = resizeAndCrop(pixels, { width, height }, crop, interpolation);
  if (crop.width === size && crop.height === size) return data;
  return placed(data, crop, size, { left: across.to, top: down.to }, [0, 0, 0]);
}

/** The long side fills the square; bars of the mean colour (0 after normalisation) fill the rest. */
function letterbox(pixels: Pixels, { size, interpolation, mean }: Preprocessing): Uint8Array {
  const scale = size / Math.max(pixels.width, pixels.height);
  const width = Math.max(1, Math.round(pixels.width * scale));
  const height = Math.max(1, Math.round(pixels.height * scale));
  const whole = { left: 0, top: 0, width, height };
  const { data } = resizeAndCrop(pixels, whole, whole, interpolation);
  const offset = { left: (size - width) >> 1, top: (size - height) >> 1 };
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
  size: number,
  offset: { readonly left: number; readonly top: number },
  fill: readonly number[],
): Uint8Array {
  const result = new Uint8Array(size * size * 3);
  if (fill.some((value) => value !== 0)) {
    for (let i = 0; i < result.length; i++) result[i] = fill[i % 3]!;
  }
  for (let row = 0; row < height; row++) {
    const from = row * width * 3;
    result.set(data.subarray(from, from + width * 3), ((offset.top + row) * size + offset.left) * 3);
  }
  return result;
}
