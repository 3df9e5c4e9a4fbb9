// record.ts: features.json, the record beside the features: how they were made, and how far writing them has come.
// A resume and search read it; it holds no times, so that the same run writes the same bytes.

import path from 'node:path';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { readJson } from '../util/json.ts';
import { INTERPOLATIONS, MAX_SIDE, RESIZE_MODES, type Preprocessing } from '../util/preprocessing.ts';
import type { Shape } from '../util/shape.ts';

/** Raised when a reader of the former layout would misread the new one. */
const VERSION = 1;

/** A record is a page of text; a larger file is something else. */
const MAX_RECORD_BYTES = 16 * 1024 ** 2;

/** All that decides the files' content. */
export interface FeatureSettings {
  readonly model: string;
  /** As the user gave it: what `--model` takes. */
  readonly modelSource: string;
  /** sha256 of the network's topology and weights. */
  readonly weights: string;
  readonly layers: readonly string[];
  readonly pool: string;
  readonly normalize: boolean;
  readonly dtype: string;
  readonly format: string;
  readonly preprocessing: Preprocessing;
  readonly exif: boolean;
  readonly maxPixels: number | null;
  readonly device: string;
  readonly inputs: readonly string[];
}

export interface FeatureRecord {
  readonly settings: FeatureSettings;
  /** One for each layer; names without folders, because the files lie beside the record. */
  readonly files: readonly { readonly file: string; readonly layer: string; readonly rowShape: Shape }[];
  readonly complete: boolean;
  /** Pictures whose rows are on the disk for good, and those that failed. */
  readonly rows: number;
  readonly failed: number;
  /** Bytes of the manifest and of the list of failures that belong to them. */
  readonly manifestBytes: number;
  readonly errorsBytes: number;
}

export async function writeRecord(file: string, record: FeatureRecord): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify({ finchFeatures: VERSION, ...record }, undefined, 2)}\n`);
}

/** Undefined where there is none. @throws AppError FILE_INVALID when the file is something else */
export async function readRecord(file: string): Promise<FeatureRecord | undefined> {
  const invalid = (problem: string) => new AppError('FILE_INVALID', `${file} ${problem}`);
  let parsed: unknown;
  try {
    parsed = await readJson(file, { what: file, limit: MAX_RECORD_BYTES });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (error instanceof AppError) throw error;
    throw invalid(`is no record of features: ${messageOf(error)}`);
  }
  if (!isRecord(parsed)) throw invalid(`is no record of features that this finch (version ${VERSION}) reads`);
  const { finchFeatures: _, ...record } = parsed;
  return record;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function isRecord(value: unknown): value is FeatureRecord & { readonly finchFeatures: number } {
  if (!isObject(value) || value['finchFeatures'] !== VERSION) return false;
  const { settings, files, complete, rows, failed, manifestBytes, errorsBytes } = value;
  return (
    typeof complete === 'boolean' &&
    [rows, failed, manifestBytes, errorsBytes].every(isCount) &&
    Array.isArray(files) &&
    files.every(isFile) &&
    isSettings(settings)
  );
}

function isFile(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { file, layer, rowShape } = value;
  const isPlainName = typeof file === 'string' && file !== '' && path.basename(file) === file;
  return isPlainName && typeof layer === 'string' && Array.isArray(rowShape) && rowShape.every(isCount);
}

function isSettings(value: unknown): value is FeatureSettings {
  if (!isObject(value)) return false;
  const texts = ['model', 'modelSource', 'weights', 'pool', 'dtype', 'format', 'device'] as const;
  return (
    texts.every((key) => typeof value[key] === 'string') &&
    isTexts(value['layers']) &&
    isTexts(value['inputs']) &&
    typeof value['normalize'] === 'boolean' &&
    typeof value['exif'] === 'boolean' &&
    (value['maxPixels'] === null || isCount(value['maxPixels'])) &&
    isPreprocessing(value['preprocessing'])
  );
}

/** Settings that another file holds. @throws AppError FILE_INVALID when they are something else */
export function featureSettingsOf(value: unknown, file: string): FeatureSettings {
  if (isSettings(value)) return value;
  throw new AppError('FILE_INVALID', `${file} does not say how its features were made`);
}

function isPreprocessing(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { size, resize, mode, cropOffset, interpolation, mean, std } = value;
  const isSide = (side: unknown) => isCount(side) && side >= 1 && side <= MAX_SIDE;
  const isRgb = (rgb: unknown) => Array.isArray(rgb) && rgb.length === 3 && rgb.every(Number.isFinite);
  return (
    (isSide(size) || (Array.isArray(size) && size.length === 2 && size.every(isSide))) &&
    isSide(resize) &&
    RESIZE_MODES.some((known) => known === mode) &&
    (cropOffset === undefined || cropOffset === 'down') &&
    INTERPOLATIONS.some((known) => known === interpolation) &&
    isRgb(mean) &&
    isRgb(std)
  );
}

/** What differs between two ways of making features, in words; undefined when nothing does. */
export function settingsDifference(former: FeatureSettings, now: FeatureSettings): string | undefined {
  for (const key of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
    const [before, after] = [JSON.stringify(former[key]), JSON.stringify(now[key])];
    if (before === after) continue;
    const shown = key === 'weights' ? '' : ` (${before} before, ${after} now)`;
    return `${NAMES[key]}${shown}`;
  }
  return undefined;
}

/** In the order of reporting. `modelSource` is left out: a model from another path is the same if its weights are. */
const NAMES = {
  model: 'the model',
  weights: "the model's weights",
  layers: 'the layers',
  pool: '--pool',
  normalize: '--normalize',
  dtype: '--dtype',
  format: '--format',
  preprocessing: 'the preprocessing',
  exif: '--no-exif',
  maxPixels: '--max-pixels',
  device: 'the device',
  inputs: 'the inputs',
} as const satisfies Partial<Record<keyof FeatureSettings, string>>;
