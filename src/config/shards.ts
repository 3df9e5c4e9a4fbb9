// shards.ts: what the user wrote -> the configuration of `finch shards`, and of the commands that work on one shard.

import type { ShardPlace } from '../shards/names.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { classifyConfig, type ClassifyConfig, type ClassifyFlags } from './classify.ts';
import { rowConfig, type ExtractFlags, type RowConfig } from './features.ts';
import { refuseBucket } from './endpoint.ts';
import { parseNumber } from './parse.ts';

/** Flags of the commands that work on one shard. */
export interface ShardFlags {
  readonly manifest?: string;
  readonly shard?: string;
}

/** Which shard, of which manifest, into which folder. */
export interface ShardTask {
  readonly manifest: string;
  readonly index: number;
  /** As the user said; absent where the manifest alone says it. */
  readonly count?: number;
  /** The hash of the manifest that is meant; absent: the one that is there. */
  readonly seal?: string;
  readonly out: string;
  /** Replaces a shard that was made otherwise. */
  readonly force: boolean;
}

export interface ExtractShardConfig extends RowConfig {
  readonly task: ShardTask;
}

export interface ClassifyShardConfig extends ClassifyConfig {
  readonly task: ShardTask;
}

/** What job managers call the number of a task. */
const INDEX_VARIABLES = ['JOB_COMPLETION_INDEX', 'SLURM_ARRAY_TASK_ID', 'AWS_BATCH_JOB_ARRAY_INDEX'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether one shard is asked for. @throws AppError USAGE where only half of it is said */
export function isShardAsked({ manifest, shard }: ShardFlags): boolean {
  if (manifest === undefined && shard === undefined) return false;
  if (manifest === undefined) throw new AppError('USAGE', '--shard needs --manifest FILE.parquet, which finch shards INPUT makes'); // prettier-ignore
  if (shard === undefined) throw new AppError('USAGE', '--manifest needs --shard I/N, such as --shard 0/100, or --shard auto in an array job'); // prettier-ignore
  return true;
}

interface Given extends ShardFlags {
  readonly out?: string;
  readonly force?: boolean;
}

function shardTask(inputs: readonly string[], flags: Given, environment: Environment): ShardTask {
  const { manifest, shard, out, force = false } = flags;
  if (inputs.length > 0) throw new AppError('USAGE', `--manifest lists the pictures, and INPUT ${quoted(inputs[0]!)} was given too; leave one of them out`); // prettier-ignore
  if (out === undefined) throw new AppError('USAGE', '--shard writes into a folder; name it: --out DIR');
  return { manifest: manifest!, out, force, ...parseShard(shard!, environment) };
}

/** @throws AppError USAGE */
export function parseShard(
  text: string,
  environment: Environment,
): Pick<ShardPlace, 'index'> & Partial<ShardPlace> {
  if (text === 'auto') return { index: indexFrom(environment) };
  const [, index, count] = /^(\d{1,15})\/(\d{1,15})$/.exec(text) ?? [];
  if (index === undefined) throw new AppError('USAGE', `--shard must be I/N, such as 17/10000, or auto, received ${quoted(text)}`); // prettier-ignore
  const place = { index: Number(index), count: Number(count) };
  if (place.count === 0) throw new AppError('USAGE', `--shard I/N needs one shard or more, received ${quoted(text)}`); // prettier-ignore
  return place;
}

function indexFrom(environment: Environment): number {
  const [found, other] = INDEX_VARIABLES.filter((name) => environment[name] !== undefined && environment[name] !== ''); // prettier-ignore
  if (found === undefined) throw new AppError('USAGE', `--shard auto: none of ${INDEX_VARIABLES.join(', ')} is set; say which shard: --shard 0/100`); // prettier-ignore
  if (other !== undefined && environment[found] !== environment[other]) {
    throw new AppError('USAGE', `--shard auto: ${found} is ${quoted(environment[found]!)}, and ${other} is ${quoted(environment[other]!)}; say which shard: --shard 0/100`); // prettier-ignore
  }
  return parseNumber(environment[found]!, { flag: `--shard auto: ${found}`, min: 0, whole: true });
}

/** @throws AppError USAGE */
export function extractShardConfig(
  inputs: readonly string[],
  flags: ExtractFlags,
  environment: Environment = process.env,
): ExtractShardConfig {
  const task = shardTask(inputs, flags, environment);
  const { resume, format = 'parquet' } = flags;
  if (resume) throw new AppError('USAGE', '--resume goes on with one file; a shard is made whole or not at all, and one that is there is left: leave it out'); // prettier-ignore
  if (format !== 'parquet') throw new AppError('USAGE', `shards are parquet, received --format ${quoted(format)}; finch shards join makes .npy of them`); // prettier-ignore
  const config = rowConfig([], flags);
  if (config.layers.length > 1) throw new AppError('USAGE', `--shard takes one --layer, received ${config.layers.length}; give each its own --out`); // prettier-ignore
  return { ...config, task };
}

/** @throws AppError USAGE */
export function classifyShardConfig(
  inputs: readonly string[],
  flags: ClassifyFlags,
  environment: Environment = process.env,
): ClassifyShardConfig {
  const task = shardTask(inputs, flags, environment);
  const { format, figure, explain, sortInto, sortBy, unsure, csvSafe, watch, every } = flags;
  const apart = { '--figure': figure, '--explain': explain, '--sort-into': sortInto, '--sort-by': sortBy, '--unsure': unsure, '--csv-safe': csvSafe, '--watch': watch, '--every': every, '--format': format }; // prettier-ignore
  const given = Object.entries(apart).find(([, value]) => value !== undefined);
  if (given) throw new AppError('USAGE', `${given[0]} does not go with --shard, which writes parquet; leave one of them out`); // prettier-ignore
  return { ...classifyConfig([], flags), task };
}

export interface ListFlags {
  readonly size: string;
  readonly out?: string;
}

export interface ListConfig {
  readonly inputs: readonly string[];
  /** Pictures in a shard. */
  readonly size: number;
  readonly out: string;
}

/** A shard is one process's work, and the list of its failures is held in memory. */
const MAX_SHARD_SIZE = 1_000_000;

/** @throws AppError USAGE */
export function listConfig(
  inputs: readonly string[],
  { size, out = 'manifest.parquet' }: ListFlags,
): ListConfig {
  if (inputs.length === 0) throw new AppError('USAGE', 'no INPUT: name folders, globs, @list.txt, - for stdin, .tar or .parquet files, s3://BUCKET/PREFIX'); // prettier-ignore
  if (!/\.parquet$/i.test(out)) throw new AppError('USAGE', `--out must end in .parquet, received ${quoted(out)}`); // prettier-ignore
  return {
    inputs,
    out,
    size: parseNumber(size, { flag: '--size', min: 1, max: MAX_SHARD_SIZE, whole: true }),
  };
}

export interface JoinFlags {
  readonly out?: string;
  readonly force?: boolean;
}

export interface JoinConfig {
  /** Where the shards are. */
  readonly folder: string;
  readonly out: string;
  readonly format: 'npy' | 'parquet';
  readonly force: boolean;
}

/** @throws AppError USAGE */
export function joinConfig(folder: string, { out = 'features.npy', force = false }: JoinFlags): JoinConfig {
  const format = (['npy', 'parquet'] as const).find((ending) => out.toLowerCase().endsWith(`.${ending}`));
  if (!format) throw new AppError('USAGE', `--out must end in .npy or .parquet, received ${quoted(out)}`);
  refuseBucket('--out', out, 'join writes to the disk; copy the files from there');
  return { folder, out, format, force };
}
