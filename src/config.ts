// config.ts: what the user wrote -> one readonly, validated configuration. Every flag's limits are here.

import { DEVICES, ENGINE_NAMES, type Device, type EngineName } from './engine/engine.ts';
import { AppError } from './util/errors.ts';
import { INTERPOLATIONS, RESIZE_MODES, type Preprocessing, type Rgb } from './util/preprocessing.ts';

/** What a flag has to be, for the message when it is not. */
interface NumberRule {
  readonly flag: string;
  readonly min: number;
  readonly max?: number;
  /** `min` itself is not allowed. */
  readonly above?: boolean;
  readonly whole?: boolean;
  /** A mistake that people make, and what they meant. */
  readonly hint?: (value: number) => string | undefined;
}

/** @throws AppError USAGE: `--crop must be above 0 and at most 1, received 87 (did you mean 0.87?)` */
export function parseNumber(text: string, rule: NumberRule): number {
  const { flag, min, max, above = false, whole = false, hint } = rule;
  const value = text.trim() === '' ? NaN : Number(text);
  const inside =
    Number.isFinite(value) && (above ? value > min : value >= min) && (max === undefined || value <= max);
  if (inside && (!whole || Number.isSafeInteger(value))) return value;
  const kind = whole ? 'a whole number' : '';
  const low = above ? `above ${min}` : `at least ${min}`;
  const range = max === undefined ? low : `${low} and at most ${max}`;
  const meant = hint?.(value);
  throw new AppError(
    'USAGE',
    `${flag} must be ${[kind, range].filter(Boolean).join(' ')}, received ${text}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
  );
}

/** @throws AppError USAGE with the values that are known */
export function parseChoice<T extends string>(text: string, flag: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found) return found;
  throw new AppError('USAGE', `${flag} must be one of ${choices.join(', ')}, received ${text}`);
}

/** One number for all channels, or three. */
function parseRgb(text: string, flag: string, rule: Omit<NumberRule, 'flag'>): Rgb {
  const values = text.split(',').map((part) => parseNumber(part, { flag, ...rule }));
  if (values.length === 1) return [values[0]!, values[0]!, values[0]!];
  if (values.length === 3) return values as unknown as Rgb;
  throw new AppError('USAGE', `${flag} must be one number or three separated by commas, received ${text}`);
}

const OUTPUT_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
type OutputFormat = (typeof OUTPUT_FORMATS)[number];

const FIGURE_FORMATS = ['png', 'svg', 'html'] as const;
export type FigureFormat = (typeof FIGURE_FORMATS)[number];

export type Language = 'en' | 'zh';

/** What `--model` is when it is not given: it ships with finch. */
export const DEFAULT_MODEL = 'efficientnet_lite0';

/** As commander hands flags over: text, or true for a flag without a value. */
export interface InferenceFlags {
  readonly model: string;
  readonly device?: string;
  readonly engine?: string;
  readonly batchSize?: string;
  readonly threads?: string;
  readonly minSide?: string;
  readonly crop?: string;
  readonly resizeMode?: string;
  readonly interpolation?: string;
  readonly mean?: string;
  readonly std?: string;
  readonly maxPixels?: string;
  /** False after `--no-exif`. */
  readonly exif: boolean;
  readonly offline?: boolean;
}

export interface ClassifyFlags extends InferenceFlags {
  readonly topk?: string;
  readonly labels?: string;
  readonly format: string;
  readonly figure?: string;
  readonly threshold: string;
}

export interface EvaluateFlags extends InferenceFlags {
  readonly format: string;
  readonly manifest?: string;
  readonly split?: string;
  readonly report?: string;
}

/** What every command that runs a network over pictures needs to know. */
export interface InferenceConfig {
  readonly inputs: readonly string[];
  readonly model: string;
  readonly device: Device | 'auto';
  readonly engine: EngineName | 'auto';
  readonly batchSize?: number;
  readonly threads?: number;
  readonly preprocessing: PreprocessingOverrides;
  readonly ignoreExif: boolean;
  readonly maxPixels?: number;
  readonly offline: boolean;
}

export interface ClassifyConfig extends InferenceConfig {
  /** Absent: 3, or as many classes as there are. */
  readonly topk?: number;
  readonly labels: { readonly languages: readonly Language[] } | { readonly file: string };
  readonly format: OutputFormat;
  readonly figure?: { readonly file: string; readonly format: FigureFormat };
  readonly threshold: number;
}

const SPLITS = ['train', 'val', 'test', 'all'] as const;
const EVALUATE_FORMATS = ['table', 'json', 'csv'] as const;

export interface EvaluateConfig extends InferenceConfig {
  /** A folder or a csv. */
  readonly dataset: string;
  readonly manifest?: string;
  /** Absent: test, else val, else all there is. */
  readonly split?: (typeof SPLITS)[number];
  readonly format: (typeof EVALUATE_FORMATS)[number];
  /** An html file. */
  readonly report?: string;
}

/** Given flags only; `applyOverrides` joins them with the model's own. */
export interface PreprocessingOverrides extends Partial<Omit<Preprocessing, 'size' | 'resize'>> {
  /** Short side after resizing, in pixels. */
  readonly minSide?: number;
  /** Share of the short side that the centre crop keeps, 0…1. */
  readonly crop?: number;
}

/** Pictures in one run; beyond this no device gains and memory does not last. */
const MAX_BATCH = 1024;
const MAX_SIDE = 4096;

export function classifyConfig(inputs: readonly string[], flags: ClassifyFlags): ClassifyConfig {
  return {
    ...inferenceConfig(inputs, flags),
    ...(flags.topk !== undefined && {
      topk: parseNumber(flags.topk, { flag: '--topk', min: 1, whole: true }),
    }),
    labels: parseLabels(flags.labels ?? 'en,zh'),
    format: parseChoice(flags.format, '--format', OUTPUT_FORMATS),
    ...(flags.figure !== undefined && { figure: parseFigure(flags.figure) }),
    threshold: parseNumber(flags.threshold, { flag: '--threshold', min: 0, max: 1, hint: asShare }),
  };
}

export function evaluateConfig(dataset: string, flags: EvaluateFlags): EvaluateConfig {
  const { manifest, split, report } = flags;
  if (report !== undefined && !/\.html?$/i.test(report)) {
    throw new AppError('USAGE', `--report must end in .html, received ${report}`);
  }
  return {
    ...inferenceConfig([], flags),
    dataset,
    format: parseChoice(flags.format, '--format', EVALUATE_FORMATS),
    ...(manifest !== undefined && { manifest }),
    ...(split !== undefined && { split: parseChoice(split, '--split', SPLITS) }),
    ...(report !== undefined && { report }),
  };
}

/** The part of a configuration that every command shares which runs a network over pictures. */
export function inferenceConfig(inputs: readonly string[], flags: InferenceFlags): InferenceConfig {
  const { batchSize, threads, maxPixels } = flags;
  return {
    inputs,
    model: flags.model,
    device: parseChoice(flags.device ?? 'auto', '--device', ['auto', ...DEVICES] as const),
    engine: parseChoice(flags.engine ?? 'auto', '--engine', ['auto', ...ENGINE_NAMES] as const),
    ...(batchSize !== undefined && {
      batchSize: parseNumber(batchSize, { flag: '--batch-size', min: 1, max: MAX_BATCH, whole: true }),
    }),
    ...(threads !== undefined && {
      threads: parseNumber(threads, { flag: '--threads', min: 1, max: 1024, whole: true }),
    }),
    ...(maxPixels !== undefined && {
      maxPixels: parseNumber(maxPixels, { flag: '--max-pixels', min: 1, whole: true }),
    }),
    preprocessing: preprocessingOverrides(flags),
    ignoreExif: !flags.exif,
    offline: flags.offline ?? false,
  };
}

function preprocessingOverrides(flags: InferenceFlags): PreprocessingOverrides {
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

/** 87 -> 0.87, for flags that are shares. */
function asShare(value: number): string | undefined {
  return value > 1 && value <= 100 ? `${value / 100}` : undefined;
}

function parseLabels(text: string): ClassifyConfig['labels'] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.every((part) => part === 'en' || part === 'zh')) return { languages: parts };
  return { file: text };
}

function parseFigure(file: string): NonNullable<ClassifyConfig['figure']> {
  const format = FIGURE_FORMATS.find((ending) => file.toLowerCase().endsWith(`.${ending}`));
  if (format) return { file, format };
  throw new AppError('USAGE', `--figure must end in .png, .svg or .html, received ${file}`);
}

/**
 * The model's preprocessing with the user's flags over it.
 *
 * `--min-side` alone is torchvision's Resize before the model's own crop; `--crop` alone is timm's crop share: the network
 * sees its own size, the picture is resized so that this share of it is seen; both together fix what is seen, and so the
 * size that the network gets.
 * @throws AppError USAGE when a foreign model does not say how its pixels are to be prepared and the flags do not either
 */
export function applyOverrides(
  own: Preprocessing | undefined,
  { minSide, crop, ...rest }: PreprocessingOverrides,
  model: { readonly name: string; readonly size: number },
): Preprocessing {
  if (!own && (!rest.mean || !rest.std)) {
    throw new AppError(
      'USAGE',
      `${model.name} does not say how its pixels are prepared; add --mean and --std of pixels scaled to 0…1 (Keras MobileNet: --mean 0.5 --std 0.5)`,
    );
  }
  const base: Preprocessing = own ?? {
    size: model.size,
    resize: model.size,
    mode: 'crop',
    interpolation: 'bilinear',
    mean: rest.mean!,
    std: rest.std!,
  };
  const size =
    minSide !== undefined && crop !== undefined ? Math.max(1, Math.round(minSide * crop)) : base.size;
  const resize = minSide ?? (crop === undefined ? base.resize : Math.floor(size / crop));
  return { ...base, ...rest, size, resize };
}
