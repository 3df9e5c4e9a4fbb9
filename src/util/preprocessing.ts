// preprocessing.ts: what a network expects its pixels to be. Data that travels with weights; images/ carries it out.

export const INTERPOLATIONS = ['bilinear', 'bicubic', 'lanczos', 'nearest'] as const;
export type Interpolation = (typeof INTERPOLATIONS)[number];

/**
 * `crop`: short side to `resize`, centre square kept. `squash-crop`: both sides to `resize`, the same. `squash`: both sides to `size`. `pad`: as large as fits into `size`, bars
 * added. Pictures that are not square are squashed or padded.
 */
export const RESIZE_MODES = ['crop', 'squash', 'pad', 'squash-crop'] as const;
export type ResizeMode = (typeof RESIZE_MODES)[number];

/** Largest side of what a network sees, in pixels. */
export const MAX_SIDE = 4096;

export type Rgb = readonly [red: number, green: number, blue: number];

/** The side of a square, or `[height, width]` where they differ. */
export type PictureSize = number | readonly [height: number, width: number];

/** The size of pictures of this height and width. */
export function pictureSize(height: number, width: number): PictureSize {
  return height === width ? height : [height, width];
}

/** Height and width of a size. */
export function sidesOf(size: PictureSize): readonly [height: number, width: number] {
  return typeof size === 'number' ? [size, size] : size;
}

export interface Preprocessing {
  /** What the network sees, in pixels: the side of a square, or height and width. */
  readonly size: PictureSize;
  /** Short side after resizing, before the centre crop, in pixels. Only `crop` and `squash-crop` use it. */
  readonly resize: number;
  readonly mode: ResizeMode;
  /** Where the crop begins when the middle lies between two pixels: `down`, the first of them (transformers); by default the even one (torchvision). */
  readonly cropOffset?: 'down';
  readonly interpolation: Interpolation;
  /** Subtracted from, and divided out of, pixels that have been scaled to 0…1. */
  readonly mean: Rgb;
  readonly std: Rgb;
}
