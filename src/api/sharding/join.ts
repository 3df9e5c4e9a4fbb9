// join.ts: all shards of a folder -> one dataset, as extract-features or classify would have written it at once. A row group is in memory.

import type { JoinConfig } from '../../config/shards.ts';
import { refuseOthersFiles } from '../../features/own-files.ts';
import { featurePaths } from '../../features/paths.ts';
import { startParquetThread, type ParquetThread } from '../../formats/foreign-parquet.ts';
import { joinedTo } from '../../objects/address.ts';
import { SHARD_KINDS } from '../../shards/names.ts';
import type { ShardFacts } from '../../shards/shard-facts.ts';
import { AppError } from '../../util/errors.ts';
import { withFileLockOrElse } from '../../util/lock.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { alreadyThere, busy, firstThere } from '../extraction-start.ts';
import type { Work } from '../work.ts';
import { joinFeatures } from './join-features.ts';
import { joinPredictions } from './join-predictions.ts';
import { differing, looked, shardNames } from './verify.ts';

/** What was joined. */
export interface JoinedShards {
  readonly shards: number;
  readonly rows: number;
  readonly failed: number;
  /** Where the failures are listed. */
  readonly errors: string;
}

/**
 * What is written has its names only when it is whole.
 * @throws AppError USAGE where shards are missing, damaged or made differently; WRITE_FAILED; INTERRUPTED
 */
export async function joinShards(config: JoinConfig, work: Work): Promise<JoinedShards> {
  const thread = startParquetThread();
  return joinWith(config, thread, work).finally(() => thread.close());
}

async function joinWith(config: JoinConfig, thread: ParquetThread, work: Work): Promise<JoinedShards> {
  const { out } = config;
  const shards = await wholeShards(config.folder, { thread, use: 'join' }, work);
  const [first] = [...shards.values()] as [ShardFacts];
  if (first.kind === 'predictions')
    return joinPredictions(config, { names: [...shards.keys()], thread }, work);
  const paths = featurePaths(out, [''], config.format);
  const written = [...new Set([...paths.rows, ...paths.work, paths.manifest, paths.errors, paths.record])];
  await checkOutputs(written.map((file) => ({ flag: '--out', file })));
  const action = async () => {
    const there = await firstThere(written);
    await refuseOthersFiles(paths);
    if (there !== undefined && !config.force) throw alreadyThere(there, 'replace it with --force');
    return joinFeatures(config, { shards, thread, paths }, work);
  };
  return withFileLockOrElse(paths.lock, action, (owner, file) => busy(out, owner, file));
}

/** All shards of a folder by name, in order. @param use for messages. @throws AppError USAGE with the first problem */
export async function wholeShards(
  folder: string,
  { thread, use }: { readonly thread: ParquetThread; readonly use: string },
  work: Work,
): Promise<ReadonlyMap<string, ShardFacts>> {
  const found = await shardNames(folder);
  const [first] = found;
  if (!first) throw new AppError('USAGE', `${folder} has no shards to ${use}`);
  const kinds = SHARD_KINDS.filter((kind) => found.some((shard) => shard.kind === kind));
  const counts = new Set(found.map(({ count }) => count));
  if (kinds.length > 1 || counts.size > 1) {
    throw new AppError('USAGE', `${folder} has shards of several sets (${kinds.join(' and ')}, of ${[...counts].join(' and ')}); put each into a folder of its own`); // prettier-ignore
  }
  const { whole, bad } = await looked({ folder, kind: first.kind, shards: first.count, thread }, work);
  const problems = [...bad, ...differing(whole)];
  if (problems.length === 0) return whole;
  const [{ name, problem }] = problems as [{ name: string; problem: string }];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more are not as they should be` : '';
  throw new AppError('USAGE', `${joinedTo(folder, name)}: ${problem}${more}; finch shards verify lists all`);
}
