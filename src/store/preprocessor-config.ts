// preprocessor-config.ts: how pictures are prepared, as transformers writes it (`preprocessor_config.json`, or the field `image_processor` of
// `processor_config.json`).

import * as z from 'zod';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';
import {
  INTERPOLATIONS,
  MAX_SIDE,
  pictureSize,
  sidesOf,
  type Interpolation,
  type PictureSize,
  type Preprocessing,
  type Rgb,
} from '../util/preprocessing.ts';

const side = z.int().min(1).max(MAX_SIDE);
const statistic = (value: z.ZodNumber) => z.union([value, z.tuple([value, value, value])]);

const CONFIG = z.object({
  image_processor_type: z.string().max(200).nullish(),
  feature_extractor_type: z.string().max(200).nullish(),
  do_resize: z.boolean().nullish(),
  size: z
    .union([
      side,
      z.object({ height: side, width: side }),
      z.object({ shortest_edge: side, longest_edge: side.nullish() }),
    ])
    .nullish(),
  crop_pct: z.number().gt(0).max(1).nullish(),
  resample: z.int().nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: z
    .union([side, z.object({ height: side, width: side }), z.object({ shortest_edge: side })])
    .nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: z.number().gt(0).max(1).nullish(),
  rescale_offset: z.boolean().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: statistic(z.number()).nullish(),
  image_std: statistic(z.number().gt(0)).nullish(),
  include_top: z.boolean().nullish(),
  do_pad: z.boolean().nullish(),
  do_flip_channel_order: z.boolean().nullish(),
});
type Config = z.output<typeof CONFIG>;
const ORDER = CONFIG.pick({ image_processor_type: true, feature_extractor_type: true, do_flip_channel_order: true }); // prettier-ignore

/** Pillow's numbers of its filters. */
const FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
const isOurs = (name: string | undefined): name is Interpolation =>
  INTERPOLATIONS.some((known) => known === name);

/** The filter of processors that do not say it and have another one than bilinear. */
const USUAL_FILTER = [
  [/^(ConvNext|Levit|PoolFormer|Bit|Clip|Siglip|Beit|Deit)/i, 3],
  [/^EfficientNet/i, 0],
] as const;

/** Processors to which a single number is the side of a square; to all others it is the short side. */
const SQUARE = /^(ViT|DeiT|Beit|Segformer|EfficientNet|Siglip|Vivit|DonutSwin)/i;

/**
 * @param json the content of the file, or of the field
 * @param file what messages call it
 * @throws AppError FILE_INVALID, or MODEL_UNSUPPORTED naming the field that finch's own preparation cannot do
 */
export function readPreprocessorConfig(json: unknown, file: string): Preprocessing {
  const config = checkedAs(CONFIG, json, { file, writer: 'transformers' });
  const refuse = (what: string): never => {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${file}: ${what}; to say it yourself, give all of --min-side, --crop, --interpolation, --mean and --std to finch models import FOLDER (of a network that takes bytes only the first three)`,
    );
  };
  if (config.do_resize === false)
    refuse("'do_resize' is false, and finch has to bring every picture to one size");
  if (config.do_pad === true)
    refuse("'do_pad' is true, and finch does not pad pictures as transformers does");
  const statistics = statisticsOf(config);
  const { mean, std } = statistics;
  if (![...mean, ...std].every(Number.isFinite) || !std.every((value) => value > 0))
    refuse(
      "'image_mean', 'image_std' and 'rescale_factor' together give no numbers that can be computed with",
    );
  return { ...geometryOf(config, refuse), interpolation: filterOf(config, refuse), ...statistics };
}

/** Whether the network takes blue, green and red: the preparation ends with turning the channels round. */
export function isReversed(json: unknown): boolean {
  const { data } = ORDER.safeParse(json);
  // MobileViT's processors do it where their file does not say it.
  return data?.do_flip_channel_order === undefined ? data !== undefined && isMobileVit(data) : data.do_flip_channel_order === true; // prettier-ignore
}

type Refuse = (what: string) => never;
type Geometry = Pick<Preprocessing, 'size' | 'resize' | 'mode' | 'cropOffset'>;

type Named = Pick<Config, 'image_processor_type' | 'feature_extractor_type'>;
const typeOf = ({ image_processor_type: type, feature_extractor_type: former }: Named) =>
  type ?? former ?? '';
const isMobileVit = (named: Named) => /^MobileViT/i.test(typeOf(named));

function filterOf(config: Config, refuse: Refuse): Interpolation {
  const { resample } = config;
  const usual = USUAL_FILTER.find(([type]) => type.test(typeOf(config)))?.[1] ?? 2;
  const name = FILTERS[resample ?? usual];
  if (isOurs(name)) return name;
  return refuse(
    `'resample' is ${resample}${name ? `, ${name}` : ''}, and finch has nearest (0), lanczos (1), bilinear (2) and bicubic (3)`,
  );
}

function geometryOf(config: Config, refuse: Refuse): Geometry {
  const type = typeOf(config);
  const size = sizeOf(config, type);
  if (size === undefined) return refuse("it has no 'size'");
  if ('longest_edge' in size)
    return refuse("'size' has a 'longest_edge', and finch resizes to a short side or a fixed size");
  if (/^ConvNext/i.test(type) && 'short' in size)
    return convnextGeometry(size.short, config.crop_pct ?? 224 / 256);
  if (!config.do_center_crop) {
    return 'short' in size
      ? refuse("'size' is a 'shortest_edge' without 'do_center_crop': every picture would have another shape")
      : { size: size.sides, resize: Math.min(...sidesOf(size.sides)), mode: 'squash' };
  }
  const crop = cropOf(config);
  if (crop === undefined) return refuse("'do_center_crop' is true without a 'crop_size'");
  if ('sides' in size && sidesOf(size.sides).join() === sidesOf(crop).join()) {
    return { size: crop, resize: Math.min(...sidesOf(crop)), mode: 'squash' };
  }
  if (typeof crop !== 'number') return refuse("'crop_size' is not a square");
  const larger = (resize: number) =>
    refuse(`'crop_size' (${crop}) is larger than the resized picture (${resize})`);
  if ('sides' in size) {
    if (typeof size.sides !== 'number') return refuse("'size' is not a square, and is cropped");
    if (size.sides < crop) return larger(size.sides);
    return { size: crop, resize: size.sides, mode: 'squash-crop', cropOffset: 'down' };
  }
  // PoolFormer's rule, also of others: the crop is this share of the short side. LeViT's processor has a fixed share.
  const share = config.crop_pct ?? (/^Levit/i.test(type) ? 224 / 256 : 1);
  const resize = Math.min(MAX_SIDE, Math.trunc(size.short / share));
  if (resize < crop) return larger(resize);
  return { size: crop, resize, ...CROP };
}

const CROP = { mode: 'crop', cropOffset: 'down' } as const;

/** ConvNeXt's rule: below 384 pixels the middle of a larger picture is kept; from 384 on the whole picture. */
function convnextGeometry(short: number, share: number): Geometry {
  if (short >= 384) return { size: short, resize: short, mode: 'squash' };
  return { size: short, resize: Math.min(MAX_SIDE, Math.trunc(short / share)), ...CROP };
}

type Size = { readonly short: number } | { readonly sides: PictureSize } | { readonly longest_edge: number };

function sizeOf({ size }: Config, type: string): Size | undefined {
  if (size == null) return undefined;
  if (typeof size === 'number') return SQUARE.test(type) ? { sides: size } : { short: size };
  if ('height' in size) return { sides: pictureSize(size.height, size.width) };
  return size.longest_edge == null ? { short: size.shortest_edge } : { longest_edge: size.longest_edge };
}

function cropOf({ crop_size: size }: Config): PictureSize | undefined {
  if (size == null || typeof size === 'number') return size ?? undefined;
  return 'height' in size ? pictureSize(size.height, size.width) : size.shortest_edge;
}

/**
 * Mean and standard deviation of pixels scaled to 0…1 that do the same as the library's steps: it multiplies a byte by a factor, may
 * subtract 1, then subtracts the mean and divides by the deviation. EfficientNet's `include_top` divides by the deviation once more.
 */
function statisticsOf(config: Config): Pick<Preprocessing, 'mean' | 'std'> {
  const factor = 255 * (config.do_rescale === false ? 1 : (config.rescale_factor ?? 1 / 255));
  const offset = config.rescale_offset === true ? 1 : 0;
  const type = typeOf(config);
  // MobileViT's processors have no such step, and no field for it.
  const normalizes = config.do_normalize ?? !isMobileVit(config);
  const mean = rgb(normalizes ? (config.image_mean ?? 0.5) : 0);
  const std = rgb(normalizes ? (config.image_std ?? 0.5) : 1);
  const again = (config.include_top ?? /^EfficientNet/i.test(type)) ? rgb(config.image_std ?? 0.5) : rgb(1);
  return {
    mean: mean.map((value) => (value + offset) / factor) as unknown as Rgb,
    std: std.map((value, i) => (value * again[i]!) / factor) as unknown as Rgb,
  };
}

const rgb = (value: number | readonly [number, number, number]): Rgb =>
  typeof value === 'number' ? [value, value, value] : value;
