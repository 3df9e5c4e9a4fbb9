// features.ts: what the user wrote -> the configuration of extract-features, search and inspect.

import { refuseOthers, type GivenNames } from './alone.ts';
import { DEFAULT_MODEL } from './default-model.ts';
import { refuseBucket } from './endpoint.ts';
import type { ShardFlags } from './shards.ts';
import { inferenceConfig, type InferenceConfig, type InferenceFlags } from './inference.ts';
import { csvSafe, parseChoice, parseNumber, reportFormat } from './parse.ts';
import { POOLS, type Pool } from '../features/pooling.ts';
import { NPY_DTYPES, type NpyDtype } from '../formats/npy-header.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';

/** Which numbers of the network are a picture's features. */
export interface FeatureChoice {
  /** Empty: the classifier's input. */
  readonly layers: readonly string[];
  readonly pool: Pool;
  /** Whether rows and layers may come from, and go to, the feature cache. */
  readonly useCache: boolean;
}

interface FeatureFlags extends InferenceFlags {
  /** Once for each time the flag was given. */
  readonly layer?: readonly string[];
  readonly pool?: string;
  /** False after `--no-cache`. */
  readonly cache: boolean;
}

const FEATURE_FORMATS = ['npy', 'parquet'] as const;
type FeatureFormat = (typeof FEATURE_FORMATS)[number];

export interface ExtractFlags extends FeatureFlags, ShardFlags {
  readonly out?: string;
  readonly format?: string;
  readonly dtype: string;
  readonly normalize?: boolean;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly listLayers?: boolean;
  readonly allowPrivate?: boolean;
}

/** Which rows of numbers, and how they are kept. */
export interface RowConfig extends InferenceConfig, FeatureChoice {
  readonly dtype: NpyDtype;
  /** Rows of length 1. */
  readonly normalize: boolean;
  /** Pictures by address may come from this machine and its network. */
  readonly allowPrivate: boolean;
}

export interface ExtractConfig extends RowConfig {
  readonly out: string;
  readonly format: FeatureFormat;
  /** What to do where the output is there already. */
  readonly existing: 'refuse' | 'resume' | 'replace';
}

const DEFAULT_OUT = 'features.npy';

export function extractConfig(inputs: readonly string[], flags: ExtractFlags): ExtractConfig {
  const { out = DEFAULT_OUT, resume = false, force = false } = flags;
  if (inputs.length === 0) {
    throw new AppError('USAGE', 'no INPUT: name an image, a folder, a glob, @list.txt, or - for stdin');
  }
  refuseBucket(
    '--out',
    out,
    'buckets take shards: finch shards INPUT, then --manifest M --shard I/N --out s3://…',
  );
  if (resume && force) throw new AppError('USAGE', '--resume goes on, --force starts anew: give one of them');
  const ending = FEATURE_FORMATS.find((format) => out.toLowerCase().endsWith(`.${format}`));
  const format = flags.format === undefined ? (ending ?? 'npy') : parseChoice(flags.format, '--format', FEATURE_FORMATS); // prettier-ignore
  const isDefault = flags.out === undefined;
  if (!isDefault && ending !== format) {
    throw new AppError('USAGE', `--out must end in .${format}, received ${quoted(out)}`);
  }
  return {
    ...rowConfig(inputs, flags),
    out: isDefault ? out.replace(/npy$/, format) : out,
    format,
    existing: resume ? 'resume' : force ? 'replace' : 'refuse',
  };
}

export function rowConfig(inputs: readonly string[], flags: ExtractFlags): RowConfig {
  return {
    ...inferenceConfig(inputs, flags),
    ...featureChoice(flags),
    dtype: parseChoice(flags.dtype, '--dtype', NPY_DTYPES),
    normalize: flags.normalize ?? false,
    allowPrivate: flags.allowPrivate ?? false,
  };
}

/** Of `--list-layers`, which prints to stdout and runs nothing. @throws AppError USAGE for what it would ignore */
export function layersConfig(
  inputs: readonly string[],
  flags: ExtractFlags,
  given: GivenNames,
): InferenceConfig {
  // Whoever looks for a layer's name puts the flag into the command that is to run afterwards: INPUT and device may stand there.
  const takes = [
    'model',
    'device',
    'engine',
    'threads',
    'minSide',
    'crop',
    'resizeMode',
    'interpolation',
    'mean',
    'std',
    'offline',
    'debug',
  ];
  refuseOthers(given, { flag: 'listLayers', does: 'shows a network without pictures', takes });
  return inferenceConfig(inputs, flags);
}

export function featureChoice({
  layer = [],
  pool = 'avg',
  cache,
}: Pick<FeatureFlags, 'layer' | 'pool' | 'cache'>): FeatureChoice {
  const layers = layer.flatMap((names) => names.split(',')).map((name) => name.trim()).filter(Boolean); // prettier-ignore
  const twice = layers.find((name, i) => layers.indexOf(name) !== i);
  if (twice !== undefined) throw new AppError('USAGE', `--layer ${twice} stands twice; each is written once`);
  return { layers, pool: parseChoice(pool, '--pool', POOLS), useCache: cache };
}

const SEARCH_FORMATS = ['table', 'json', 'html'] as const;

export interface SearchFlags extends Omit<FeatureFlags, 'model'> {
  readonly model?: string;
  readonly in: string;
  readonly topk: string;
  readonly format?: string;
  readonly out?: string;
}

/** `model`, `layers`, `pool` and preprocessing hold only what flags gave; the features' record gives the rest. */
export interface SearchConfig extends InferenceConfig, FeatureChoice {
  readonly features: string;
  readonly topk: number;
  readonly format: (typeof SEARCH_FORMATS)[number];
  /** Absent: stdout. */
  readonly out?: string;
  /** Which of these the user gave; the features' own record does not replace them. */
  readonly given: readonly ('model' | 'layer' | 'pool')[];
}

const MAX_TOPK = 10_000;

export function searchConfig(inputs: readonly string[], flags: SearchFlags): SearchConfig {
  const { out } = flags;
  return {
    ...inferenceConfig(inputs, { ...flags, model: flags.model ?? DEFAULT_MODEL }),
    ...featureChoice(flags),
    features: flags.in,
    topk: parseNumber(flags.topk, { flag: '--topk', min: 1, max: MAX_TOPK, whole: true }),
    format: reportFormat(flags, SEARCH_FORMATS),
    ...(out !== undefined && { out }),
    given: (['model', 'layer', 'pool'] as const).filter((name) => flags[name] !== undefined),
  };
}

const INSPECT_FORMATS = ['text', 'json', 'html'] as const;

export interface InspectFlags extends FeatureFlags {
  readonly format?: string;
  readonly out?: string;
  readonly list?: string;
  readonly csvSafe?: boolean;
  readonly top: string;
}

export interface InspectConfig extends InferenceConfig, FeatureChoice {
  readonly folder: string;
  readonly format: (typeof INSPECT_FORMATS)[number];
  readonly out?: string;
  readonly list?: string;
  /** Cells of the list that a spreadsheet would compute get an apostrophe. */
  readonly csvSafe: boolean;
  /** How many suspected labels the report shows at most. */
  readonly top: number;
}

export function inspectConfig(folder: string, flags: InspectFlags): InspectConfig {
  const { out, list } = flags;
  return {
    ...inferenceConfig([folder], flags),
    ...featureChoice(flags),
    folder,
    format: reportFormat(flags, INSPECT_FORMATS),
    ...(out !== undefined && { out }),
    ...(list !== undefined && { list }),
    csvSafe: csvSafe(flags, { '--list': list !== undefined }),
    top: parseNumber(flags.top, { flag: '--top', min: 0, whole: true }),
  };
}
