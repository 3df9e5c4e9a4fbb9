// shard-set.ts: the shards of a folder as what a head learns from: all there, whole and made alike, of features that are vectors.

import { createHash } from 'node:crypto';
import { featureSettingsOf, type FeatureSettings } from '../../../features/record.ts';
import type { ParquetThread } from '../../../formats/foreign-parquet.ts';
import { joinedTo } from '../../../objects/address.ts';
import { settingsHash, type ShardFacts } from '../../../shards/shard-facts.ts';
import { AppError } from '../../../util/errors.ts';
import type { Work } from '../../work.ts';
import { shapeOf } from '../join-features.ts';
import { wholeShards } from '../join.ts';

export interface ShardSet {
  /** In order. */
  readonly files: readonly string[];
  /** How the features were made. */
  readonly settings: FeatureSettings;
  /** In a row. */
  readonly numbers: number;
  /** Of all shards together. */
  readonly rows: number;
  /** Tells these shards from any others. */
  readonly fingerprint: string;
}

/** The covariance of more features than these takes gigabytes. */
const MAX_NUMBERS = 8192;

/** Reads all bytes of all shards. @throws AppError USAGE, FILE_INVALID with the first problem */
export async function openShardSet(folder: string, thread: ParquetThread, work: Work): Promise<ShardSet> {
  const shards = await wholeShards(folder, { thread, use: 'learn from' }, work);
  const [[firstName, first]] = [...shards] as [[string, ShardFacts]];
  if (first.kind !== 'features') throw new AppError('USAGE', `${folder} has shards of classify; a head learns from those of extract-features`); // prettier-ignore
  const file = joinedTo(folder, firstName);
  const settings = featureSettingsOf({ ...first.settings, modelSource: first.settings['model'], format: 'parquet', inputs: [] }, file); // prettier-ignore
  const shape = await shapeOf(file, thread);
  const [numbers, ...places] = shape as [number, ...number[]];
  if (places.length > 0) throw new AppError('USAGE', `${folder}: each row is [${shape.join(',')}], and a head takes a vector; make the shards with --pool avg`); // prettier-ignore
  if (numbers > MAX_NUMBERS) throw new AppError('USAGE', `${folder}: rows of ${numbers} numbers, expected at most ${MAX_NUMBERS}; make the shards of another --layer`); // prettier-ignore
  if (settings.normalize) throw new AppError('USAGE', `${folder}: the rows were made with --normalize, which a network does not do; make the shards without it`); // prettier-ignore
  const all = [...shards.values()];
  const rows = all.reduce((sum, { pictures, failed }) => sum + pictures - failed, 0);
  if (rows === 0) throw new AppError('DATASET_INVALID', `${folder}: the shards have no rows to learn from`);
  const about = [settingsHash(first), ...all.map(({ pictures, failed }) => [pictures, failed])];
  return {
    files: [...shards.keys()].map((name) => joinedTo(folder, name)),
    settings,
    numbers,
    rows,
    fingerprint: createHash('sha256').update(JSON.stringify(about)).digest('hex'),
  };
}
