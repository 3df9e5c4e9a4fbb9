// shard-set.ts: the shards of a folder as what a head learns from: all there, whole and made alike, of features that are vectors.

import { createHash } from 'node:crypto';
import type { FeatureSettings } from '../../../features/record.ts';
import type { ParquetThread } from '../../../formats/foreign-parquet.ts';
import { joinedTo } from '../../../objects/address.ts';
import { settingsHash, type ShardFacts } from '../../../shards/shard-facts.ts';
import { shardName } from '../../../shards/names.ts';
import { openShard } from '../../../shards/shard-file.ts';
import { shardRowShape, shardSettings } from '../../../shards/shard-rows.ts';
import { AppError } from '../../../util/errors.ts';
import type { Work } from '../../work.ts';
import { wholeShards } from '../join.ts';
import { shardNames } from '../verify.ts';

/** What the rows of all shards are. */
export interface RowKind {
  /** How the features were made. */
  readonly settings: FeatureSettings;
  /** In a row. */
  readonly numbers: number;
}

export interface ShardSet {
  /** In order. */
  readonly files: readonly string[];
  /** Of all shards together. */
  readonly rows: number;
  /** Tells these shards from any others. */
  readonly fingerprint: string;
}

/** The covariance of more features than these takes gigabytes. */
const MAX_NUMBERS = 8192;

/** As one of the shards says it, of which but the end is read: so that what is wrong is told before all are. @throws AppError USAGE, FILE_INVALID */
export async function rowKindOf(folder: string, thread: ParquetThread): Promise<RowKind> {
  const found = (await shardNames(folder)).sort((a, b) => a.index - b.index);
  const first = found.find(({ kind }) => kind === 'features');
  if (!first) throw new AppError('USAGE', found.length > 0 ? `${folder} has shards of classify; a head learns from those of extract-features` : `${folder} has no shards to learn from`); // prettier-ignore
  const file = joinedTo(folder, shardName(first.kind, first));
  const { parquet, facts } = await openShard(file, thread);
  await parquet.close();
  const settings = shardSettings(facts, { file, format: 'parquet' });
  const shape = shardRowShape(parquet);
  const [numbers, ...places] = shape as [number, ...number[]];
  if (places.length > 0) throw new AppError('USAGE', `${folder}: each row is [${shape.join(',')}], and a head takes a vector; make the shards with --pool avg`); // prettier-ignore
  if (numbers > MAX_NUMBERS) throw new AppError('USAGE', `${folder}: rows of ${numbers} numbers, expected at most ${MAX_NUMBERS}; make the shards of another --layer`); // prettier-ignore
  if (settings.normalize) throw new AppError('USAGE', `${folder}: the rows were made with --normalize, which a network does not do; make the shards without it`); // prettier-ignore
  return { settings, numbers };
}

/** Reads all bytes of all shards. @throws AppError USAGE, FILE_INVALID with the first problem */
export async function openShardSet(folder: string, thread: ParquetThread, work: Work): Promise<ShardSet> {
  const shards = await wholeShards(folder, { thread, use: 'learn from' }, work);
  const all = [...shards.values()] as [ShardFacts, ...ShardFacts[]];
  const rows = all.reduce((sum, { pictures, failed }) => sum + pictures - failed, 0);
  if (rows === 0) throw new AppError('DATASET_INVALID', `${folder}: the shards have no rows to learn from`);
  const about = [settingsHash(all[0]), ...all.map(({ pictures, failed }) => [pictures, failed])];
  return {
    files: [...shards.keys()].map((name) => joinedTo(folder, name)),
    rows,
    fingerprint: createHash('sha256').update(JSON.stringify(about)).digest('hex'),
  };
}
