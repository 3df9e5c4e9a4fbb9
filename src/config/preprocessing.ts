// preprocessing.ts: the flags that change how pixels are prepared, and how they override a model's own preparation.

import { AppError } from '../util/errors.ts';
import {
  INTERPOLATIONS,
  MAX_SIDE,
  RESIZE_MODES,
  sidesOf,
  type PictureSize,
  type Preprocessing,
} from '../util/preprocessing.ts';
import { asShare, parseChoice, parseNumber, parseRgb } from './parse.ts';

/** Given flags only; `applyOverrides` joins them with the model's own. */
export interface PreprocessingOverrides extends Partial<Omit<Preprocessing, 'size' | 'resize'>> {
  /** Short side after resizing, in pixels. */
  readonly minSide?: number;
  /** Of the network's input, in pixels: the model's own share of a picture is seen in this size. */
  readonly size?: number;
  /** Share of the short side that the centre crop keeps, 0…1. */
  readonly crop?: number;
}

/** Flags as commander hands them over. */
export interface PreprocessingFlags {
  readonly minSide?: string;
  readonly crop?: string;
  readonly resizeMode?: string;
  readonly interpolation?: string;
  readonly mean?: string;
  readonly std?: string;
}

/** @throws AppError USAGE naming the flag */
export function preprocessingOverrides(flags: PreprocessingFlags): PreprocessingOverrides {
  const { minSide, crop, resizeMode, interpolation, mean, std } = flags;
  return {
    ...(minSide !== undefined && {
      minSide: parseNumber(minSide, { flag: '--min-side', min: 1, max: MAX_SIDE, whole: true }),
    }),
    ...(crop !== undefined && {
      crop: parseNumber(crop, { flag: '--crop', min: 0, above: true, max: 1, hint: asShare }),
    }),
    ...(resizeMode !== undefined && { mode: parseChoice(resizeMode, '--resize-mode', RESIZE_MODES) }),
    ...(interpolation !== undefined && {
      interpolation: parseChoice(interpolation, '--interpolation', INTERPOLATIONS),
    }),
    ...(mean !== undefined && { mean: parseRgb(mean, '--mean', { min: 0, max: 1 }) }),
    ...(std !== undefined && { std: parseRgb(std, '--std', { min: 0, above: true, max: 1 }) }),
  };
}

/**
 * The model's preprocessing, overridden by the user's flags.
 *
 * `--min-side` alone is torchvision's Resize before the model's own crop. `--crop` alone is timm's crop share: the network
 * keeps its own input size, and the picture is resized so that this share of it is seen. Both together fix what is seen,
 * and so the network's input size.
 * @param model `isKept`: the preparation is written beside results, where sides above MAX_SIDE are not read; true unless it says otherwise
 * @throws AppError USAGE when a foreign model does not say how its pixels are to be prepared and the flags do not either
 */
export function applyOverrides(
  own: Preprocessing | undefined,
  { minSide, crop, size: wanted, ...rest }: PreprocessingOverrides,
  model: { readonly name: string; readonly size: PictureSize; readonly isKept?: boolean },
): Preprocessing {
  if (!own && (!rest.mean || !rest.std)) {
    throw new AppError(
      'USAGE',
      `${model.name} does not say how its pixels are prepared; add --mean and --std of pixels scaled to 0…1 (Keras MobileNet: --mean 0.5 --std 0.5)`,
    );
  }
  const isSquare = typeof model.size === 'number';
  const usual: Preprocessing = own ?? {
    size: model.size,
    resize: Math.max(...sidesOf(model.size)),
    mode: isSquare ? 'crop' : 'squash',
    interpolation: 'bilinear',
    mean: rest.mean!,
    std: rest.std!,
  };
  const base = wanted === undefined ? usual : inSize(usual, wanted, '--feature-size', model.name);
  const isSide = minSide !== undefined && crop !== undefined;
  if (isSide && typeof base.size !== 'number') {
    throw new AppError(
      'USAGE',
      `--min-side and --crop together ask for a square of ${Math.round(minSide * crop)} pixels, ${model.name} takes pictures of ${base.size.join(' x ')} (height x width); give one of the two`,
    );
  }
  const mode = rest.mode ?? base.mode;
  if (!isSide && (mode === 'squash' || mode === 'pad')) {
    const unused = minSide !== undefined ? '--min-side' : crop !== undefined ? '--crop' : undefined;
    if (unused !== undefined) {
      throw new AppError(
        'USAGE',
        `${unused} belongs to --resize-mode crop and squash-crop, and ${model.name} shows whole pictures by ${mode}; leave ${unused} out, or add --resize-mode crop`,
      );
    }
  }
  const size = isSide ? Math.max(1, Math.round(minSide * crop)) : base.size;
  const wantedSide =
    minSide ?? (crop === undefined ? base.resize : Math.floor(Math.max(...sidesOf(size)) / crop));
  // Whole pictures are brought to `size` at once.
  const isUsed = mode === 'crop' || mode === 'squash-crop';
  const resize = isUsed ? wantedSide : Math.min(wantedSide, MAX_SIDE);
  if (resize > MAX_SIDE && model.isKept !== false) {
    throw new AppError(
      'USAGE',
      `${crop === undefined ? '--feature-size' : '--crop'} would resize pictures to ${resize} pixels, so that ${model.name} sees ${sidesOf(size).join(' x ')} of them; at most ${MAX_SIDE} can be kept with a model or with features`,
    );
  }
  return { ...base, ...rest, size, resize };
}

/** The same share of a picture, seen in another size, which a flag asks for. @throws AppError USAGE where the pictures are not square */
export function inSize(own: Preprocessing, size: number, flag: string, name: string): Preprocessing {
  if (typeof own.size === 'number')
    return { ...own, size, resize: Math.round((own.resize * size) / own.size) };
  throw new AppError(
    'USAGE',
    `${flag} asks for a square of ${size} pixels, ${name} takes pictures of ${own.size.join(' x ')} (height x width)`,
  );
}
