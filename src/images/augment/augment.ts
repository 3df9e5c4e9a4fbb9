// augment.ts: one picture as training sees it this time: crop, flip, then what the recipe adds. The Rng makes every choice:
// the same stream gives the same bytes.

import { type Interpolation, type PictureSize, type Rgb } from '../../util/preprocessing.ts';
import type { Rng } from '../../util/rng.ts';
import type { Pixels, Rectangle } from '../resize.ts';
import { brightness, contrast, hue, saturation } from './colour.ts';
import { chooseCrop, chooseErased, chooseJitter, type CropRanges, type JitterRanges } from './choose.ts';
import { flip, resizedCrop } from './geometry.ts';
import { randAugment, trivialAugment } from './operations.ts';

/** Plain data: it crosses to workers and is kept in the run folder. */
export interface AugmentSpec {
  readonly crop: CropRanges;
  /** Probability of a horizontal flip. */
  readonly flip: number;
  readonly policy?:
    | { readonly name: 'randaugment'; readonly count: number; readonly magnitude: number }
    | { readonly name: 'trivial' };
  readonly jitter?: JitterRanges;
  readonly erase?: CropRanges & { readonly probability: number };
}

/** torchvision's own values. */
export const IMAGENET_CROP: CropRanges = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] };
export const ERASE: AugmentSpec['erase'] = { probability: 0.25, scale: [0.02, 0.33], ratio: [0.3, 3.3] };

interface Target {
  /** Of the result, in pixels. */
  readonly size: PictureSize;
  readonly interpolation: Interpolation;
  /** The colour of erased parts and of parts from outside the picture: 0 after normalisation. */
  readonly mean: Rgb;
}

const JITTER = { brightness, contrast, saturation, hue } as const;

/** @returns `[H,W,3]` uint8 */
export function augment(
  pixels: Pixels,
  spec: AugmentSpec,
  { size, interpolation, mean }: Target,
  rng: Rng,
): Uint8Array {
  const fill = mean.map((share) => Math.round(share * 255)) as [number, number, number];
  let result = resizedCrop(pixels, chooseCrop(pixels, spec.crop, rng), size, interpolation);
  if (rng.chance(spec.flip)) result = flip(result);
  if (spec.policy?.name === 'randaugment') result = randAugment(result, { ...spec.policy, fill }, rng);
  else if (spec.policy?.name === 'trivial') result = trivialAugment(result, { fill }, rng);
  if (spec.jitter) {
    for (const [name, by] of chooseJitter(spec.jitter, rng)) result = JITTER[name](result, by);
  }
  if (spec.erase && rng.chance(spec.erase.probability)) {
    const part = chooseErased(result, spec.erase, rng);
    if (part) result = erased(result, part, fill);
  }
  return result.data;
}

/** The picture with a part painted in one colour. */
export function erased({ data, width, height }: Pixels, part: Rectangle, fill: Rgb): Pixels {
  const result = data.slice();
  for (let row = part.top; row < part.top + part.height; row++) {
    const from = (row * width + part.left) * 3;
    for (let i = 0; i < part.width * 3; i++) result[from + i] = fill[i % 3]!;
  }
  return { data: result, width, height };
}
