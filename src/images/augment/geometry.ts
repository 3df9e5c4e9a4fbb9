// geometry.ts: operations that move the pixels of a picture: crop, flip, shear, shift, turn; bit for bit as Pillow does them.
// It chooses nothing: the caller gives the parameters.

import { sidesOf, type Interpolation, type PictureSize } from '../../util/preprocessing.ts';
import { resizeAndCrop, type Pixels, type Rectangle } from '../resize.ts';

/** torchvision's resized_crop: the part, then Pillow's resize of it. @returns `[H,W,3]` */
export function resizedCrop(
  pixels: Pixels,
  part: Rectangle,
  size: PictureSize,
  interpolation: Interpolation,
): Pixels {
  const { width, height } = pixels;
  const [down, across] = sidesOf(size);
  const whole = { left: 0, top: 0, width: across, height: down };
  const isWhole = part.width === width && part.height === height;
  const cut = isWhole ? pixels : resizeAndCrop(pixels, { width, height }, part, interpolation);
  return resizeAndCrop(cut, whole, whole, interpolation);
}

/** Swaps left and right. */
export function flip({ data, width, height }: Pixels): Pixels {
  const result = new Uint8Array(data.length);
  for (let row = 0; row < height; row++) {
    const start = row * width * 3;
    for (let from = start, to = start + (width - 1) * 3; from < start + width * 3; from += 3, to -= 3) {
      result[to] = data[from]!;
      result[to + 1] = data[from + 1]!;
      result[to + 2] = data[from + 2]!;
    }
  }
  return { data: result, width, height };
}

/** Where a pixel of the result comes from: x' = a x + b y + c, y' = d x + e y + f, at the middles of pixels. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface AffineOptions {
  readonly interpolation: 'nearest' | 'bilinear';
  /** The colour where the result lies outside the picture; black by default. */
  readonly fill?: readonly [number, number, number];
}

/** torchvision converts to degrees and back, which changes the last bit. */
function shearAngle(level: number): number {
  return Math.atan(level) * (180 / Math.PI) * (Math.PI / 180);
}

/** Moves each row sideways by `level` pixels more than the row above, from the upper left corner. */
export function shearX(level: number): Affine {
  return [1, Math.tan(shearAngle(level)), 0, 0, 1, 0];
}

/** Moves each column down by `level` pixels more than the column before. */
export function shearY(level: number): Affine {
  const angle = shearAngle(level);
  return [1, 0, 0, Math.sin(angle) / Math.cos(angle), 1, 0];
}

/** Moves the picture right and down by whole pixels. */
export function translation(x: number, y: number): Affine {
  return [1, 0, -x, 0, 1, -y];
}

/** Turns the picture counter-clockwise about the middle, in degrees. Pillow rounds sine and cosine to 15 places. */
export function rotation(
  { width, height }: { readonly width: number; readonly height: number },
  degrees: number,
): Affine {
  const angle = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const cos = Number(Math.cos(angle).toFixed(15));
  const sin = Number(Math.sin(angle).toFixed(15));
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

/** Pillow's `transform(AFFINE)`; the result has the picture's size. */
export function affine(pixels: Pixels, matrix: Affine, { interpolation, fill }: AffineOptions): Pixels {
  const { width, height } = pixels;
  const data = new Uint8Array(width * height * 3);
  if (fill) for (let i = 0; i < data.length; i++) data[i] = fill[i % 3]!;
  if (interpolation === 'bilinear') bilinear(pixels, matrix, data);
  else nearest(pixels, matrix, data);
  return { data, width, height };
}

/** Pillow calculates with 16 fractional bits here. */
const ONE = 65_536;

function nearest({ data, width, height }: Pixels, matrix: Affine, result: Uint8Array): void {
  const fixed = (value: number) => Math.floor(value * ONE + 0.5);
  const [a, b, c, d, e, f] = matrix;
  const stepX = [fixed(a), fixed(d)] as const;
  const stepY = [fixed(b), fixed(e)] as const;
  let rowX = fixed(c + a * 0.5 + b * 0.5);
  let rowY = fixed(f + d * 0.5 + e * 0.5);
  let to = 0;
  for (let y = 0; y < height; y++) {
    let atX = rowX;
    let atY = rowY;
    for (let x = 0; x < width; x++, to += 3) {
      const column = Math.floor(atX / ONE);
      const row = Math.floor(atY / ONE);
      if (column >= 0 && column < width && row >= 0 && row < height) {
        const from = (row * width + column) * 3;
        result[to] = data[from]!;
        result[to + 1] = data[from + 1]!;
        result[to + 2] = data[from + 2]!;
      }
      atX += stepX[0];
      atY += stepX[1];
    }
    rowX += stepY[0];
    rowY += stepY[1];
  }
}

function bilinear({ data, width, height }: Pixels, [a, b, c, d, e, f]: Affine, result: Uint8Array): void {
  const inside = (value: number, size: number) => (value < 0 ? 0 : value >= size ? size - 1 : value);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c;
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const left = Math.floor(fromX - 0.5);
      const top = Math.floor(fromY - 0.5);
      const shareX = fromX - 0.5 - left;
      const shareY = fromY - 0.5 - top;
      const columns = [inside(left, width) * 3, inside(left + 1, width) * 3] as const;
      const upper = inside(top, height) * width * 3;
      const lower = inside(top + 1, height) * width * 3;
      for (let channel = 0; channel < 3; channel++) {
        const mix = (row: number) => {
          const first = data[row + columns[0] + channel]!;
          return first + (data[row + columns[1] + channel]! - first) * shareX;
        };
        const above = mix(upper);
        result[to + channel] = above + (mix(lower) - above) * shareY;
      }
    }
  }
}
