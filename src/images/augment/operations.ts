// operations.ts: the 14 operations of RandAugment and TrivialAugment as one table: how each is applied, and how strong it is
// at each magnitude. Source of the ranges: torchvision's _augmentation_space (31 bins), after the papers.

import { roundHalfToEven } from '../../util/round.ts';
import type { Rng } from '../../util/rng.ts';
import type { Pixels } from '../resize.ts';
import {
  autocontrast,
  brightness,
  contrast,
  equalize,
  posterize,
  saturation,
  sharpness,
  solarize,
} from './colour.ts';
import {
  affine,
  rotation,
  shearX,
  shearY,
  translation,
  type Affine,
  type AffineOptions,
} from './geometry.ts';

export const OPERATIONS = [
  'identity', 'shearX', 'shearY', 'translateX', 'translateY', 'rotate', 'brightness', 'color', 'contrast', 'sharpness',
  'posterize', 'solarize', 'autocontrast', 'equalize',
] as const; // prettier-ignore
export type Operation = (typeof OPERATIONS)[number];

/** Steps of strength, 0 … 30. */
export const BINS = 31;

export type Space = 'randaugment' | 'trivial';

type Apply = (pixels: Pixels, strength: number, options: AffineOptions) => Pixels;

const moved =
  (matrix: (pixels: Pixels, strength: number) => Affine): Apply =>
  (pixels, strength, options) =>
    affine(pixels, matrix(pixels, strength), options);

/** `strength` is a share, pixels, degrees, bits or a level, as the operation's own function takes it. */
const APPLY = {
  identity: (pixels) => pixels,
  shearX: moved((_, share) => shearX(share)),
  shearY: moved((_, share) => shearY(share)),
  translateX: moved((_, by) => translation(Math.trunc(by), 0)),
  translateY: moved((_, by) => translation(0, Math.trunc(by))),
  rotate: moved(rotation),
  brightness: (pixels, by) => brightness(pixels, 1 + by),
  color: (pixels, by) => saturation(pixels, 1 + by),
  contrast: (pixels, by) => contrast(pixels, 1 + by),
  sharpness: (pixels, by) => sharpness(pixels, 1 + by),
  posterize: (pixels, bits) => posterize(pixels, bits),
  solarize: (pixels, level) => solarize(pixels, level),
  autocontrast: (pixels) => autocontrast(pixels),
  equalize: (pixels) => equalize(pixels),
} as const satisfies Record<Operation, Apply>;

export function applyOperation(
  pixels: Pixels,
  operation: Operation,
  strength: number,
  options: AffineOptions = { interpolation: 'nearest' },
): Pixels {
  return APPLY[operation](pixels, strength, options);
}

/** The largest strength of the operations that grow evenly from 0 and may have either sign. */
const SIGNED = {
  shearX: { randaugment: () => 0.3, trivial: () => 0.99 },
  shearY: { randaugment: () => 0.3, trivial: () => 0.99 },
  // A share of the picture's side, because RandAugment was tuned on pictures of 331 pixels.
  translateX: { randaugment: ({ width }) => (150 / 331) * width, trivial: () => 32 },
  translateY: { randaugment: ({ height }) => (150 / 331) * height, trivial: () => 32 },
  rotate: { randaugment: () => 30, trivial: () => 135 },
  brightness: { randaugment: () => 0.9, trivial: () => 0.99 },
  color: { randaugment: () => 0.9, trivial: () => 0.99 },
  contrast: { randaugment: () => 0.9, trivial: () => 0.99 },
  sharpness: { randaugment: () => 0.9, trivial: () => 0.99 },
} as const satisfies Partial<Record<Operation, Record<Space, (size: Pixels) => number>>>;

/** Bits that posterize loses at the largest magnitude. */
const LOST_BITS = { randaugment: 4, trivial: 6 } as const satisfies Record<Space, number>;

/** The strength of an operation at a bin, before its sign is chosen. */
export function strengthOf(operation: Operation, bin: number, space: Space, size: Pixels): number {
  const share = bin / (BINS - 1);
  if (operation in SIGNED) return SIGNED[operation as keyof typeof SIGNED][space](size) * share;
  if (operation === 'posterize') return 8 - roundHalfToEven(share * LOST_BITS[space]);
  if (operation === 'solarize') return 255 - 255 * share;
  return 0;
}

function chosen(
  pixels: Pixels,
  bin: number,
  space: Space,
  rng: Rng,
): { operation: Operation; strength: number } {
  const operation = OPERATIONS[rng.integer(OPERATIONS.length)]!;
  const strength = strengthOf(operation, bin, space, pixels);
  return { operation, strength: operation in SIGNED && rng.chance(0.5) ? -strength : strength };
}

interface RandAugmentOptions extends Partial<AffineOptions> {
  /** How many operations are applied one after another. */
  readonly count: number;
  /** 0 … 10; 10 is bin 30 of torchvision's 31, and torchvision's default 9 is 3 here. */
  readonly magnitude: number;
}

export function randAugment(
  pixels: Pixels,
  { count, magnitude, ...options }: RandAugmentOptions,
  rng: Rng,
): Pixels {
  const bin = Math.round((magnitude / 10) * (BINS - 1));
  let result = pixels;
  for (let i = 0; i < count; i++) {
    const { operation, strength } = chosen(pixels, bin, 'randaugment', rng);
    result = applyOperation(result, operation, strength, { interpolation: 'nearest', ...options });
  }
  return result;
}

/** TrivialAugmentWide: one operation at a random strength. */
export function trivialAugment(pixels: Pixels, options: Partial<AffineOptions>, rng: Rng): Pixels {
  const { operation, strength } = chosen(pixels, rng.integer(BINS), 'trivial', rng);
  return applyOperation(pixels, operation, strength, { interpolation: 'nearest', ...options });
}
