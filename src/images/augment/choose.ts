// choose.ts: the random choices of torchvision's transforms: which part of a picture is cropped, erased or jittered.
// It touches no pixel.

import type { Rng } from '../../util/rng.ts';
import { roundHalfToEven } from '../../util/round.ts';
import type { Rectangle } from '../resize.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

type Range = readonly [low: number, high: number];

export interface CropRanges {
  /** Share of the picture's area. */
  readonly scale: Range;
  /** Width over height. */
  readonly ratio: Range;
}

/** torchvision tries this many times before it takes the middle. */
const TRIES = 10;

/** RandomResizedCrop.get_params: ten tries, then the largest middle part of an allowed shape. */
export function chooseCrop({ width, height }: Size, { scale, ratio }: CropRanges, rng: Rng): Rectangle {
  for (let i = 0; i < TRIES; i++) {
    const part = chooseSides({ width, height }, { scale, ratio }, rng);
    if (part.width > 0 && part.width <= width && part.height > 0 && part.height <= height) {
      const top = rng.integer(height - part.height + 1);
      return { ...part, top, left: rng.integer(width - part.width + 1) };
    }
  }
  return middleCrop({ width, height }, ratio);
}

/** The largest part of an allowed shape, in the middle. */
export function middleCrop({ width, height }: Size, [narrow, wide]: Range): Rectangle {
  const shape = width / height;
  const part = { width, height };
  if (shape < narrow) part.height = roundHalfToEven(width / narrow);
  else if (shape > wide) part.width = roundHalfToEven(height * wide);
  return { ...part, top: (height - part.height) >> 1, left: (width - part.width) >> 1 };
}

function chooseSides({ width, height }: Size, { scale, ratio }: CropRanges, rng: Rng): Size {
  const area = width * height * rng.uniform(...scale);
  const shape = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
  return {
    width: roundHalfToEven(Math.sqrt(area * shape)),
    height: roundHalfToEven(Math.sqrt(area / shape)),
  };
}

/** RandomErasing.get_params: undefined when ten tries found no part that is smaller than the picture. */
export function chooseErased(
  { width, height }: Size,
  { scale, ratio }: CropRanges,
  rng: Rng,
): Rectangle | undefined {
  for (let i = 0; i < TRIES; i++) {
    // Here torchvision's ratio is height over width. Evenly spread logarithms stay evenly spread when the ratio is inverted.
    const sides = chooseSides({ width: height, height: width }, { scale, ratio }, rng);
    const part = { width: sides.height, height: sides.width };
    if (part.width < width && part.height < height && part.width > 0 && part.height > 0) {
      const top = rng.integer(height - part.height + 1);
      return { ...part, top, left: rng.integer(width - part.width + 1) };
    }
  }
  return undefined;
}

/** How far each property may change; 0 means no change. Factors are 1 ± the value, hue turns by ± the value (at most 0.5). */
export interface JitterRanges {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
}

export const JITTERED = ['brightness', 'contrast', 'saturation', 'hue'] as const;

/** ColorJitter.get_params: the steps in random order. */
export function chooseJitter(
  ranges: JitterRanges,
  rng: Rng,
): readonly (readonly [(typeof JITTERED)[number], number])[] {
  return rng
    .shuffle([...JITTERED])
    .filter((name) => ranges[name] > 0)
    .map((name) => {
      const middle = name === 'hue' ? 0 : 1;
      const low = name === 'hue' ? -ranges.hue : Math.max(0, 1 - ranges[name]);
      return [name, rng.uniform(low, middle + ranges[name])] as const;
    });
}
