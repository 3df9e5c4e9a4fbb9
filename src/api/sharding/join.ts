// join.ts: all shards of a folder -> one dataset, as extract-features or classify would have written it at once. A row group is in memory.

import path from 'node:path';
import { z } from 'zod';
import type { JoinConfig } from '../../config/shards.ts';
import { featurePaths } from '../../features/paths.ts';
import { finishRows } from '../../features/finish.ts';
import { featureSettingsOf, type FeatureRecord } from '../../features/record.ts';
import { openFeatureWriter } from '../../features/writer.ts';
import { SHARD_KINDS, errorsName } from '../../shards/names.ts';
import { openShard, shardFailures, type ShardFacts } from '../../shards/shard-file.ts';
import { checkedAs } from '../../util/checked.ts';
import { AppError, type ErrorCode } from '../../util/errors.ts';
import { withFileLockOrElse } from '../../util/lock.ts';
import { checkOutputs } from '../../util/outputs.ts';
import { alreadyThere, busy, firstThere } from '../extraction-start.ts';
import { throwIfAborted, type Work } from '../work.ts';
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

/** @throws AppError USAGE where shards are missing, damaged or made differently; WRITE_FAILED; INTERRUPTED */
export async function joinShards(config: JoinConfig, work: Work): Promise<JoinedShards> {
  const { folder, out } = config;
  const shards = await wholeShards(folder, work);
  const [first] = [...shards.values()] as [ShardFacts];
  if (first.kind === 'predictions') return joinPredictions(config, [...shards.keys()], work);
  const paths = featurePaths(out, [''], config.format);
  const written = [...new Set([...paths.rows, ...paths.work, paths.manifest, paths.errors, paths.record])];
  await checkOutputs(written.map((file) => ({ flag: '--out', file })));
  const action = async () => {
    const there = await firstThere(written);
    if (there !== undefined && !config.force) throw alreadyThere(there);
    return joinFeatures(config, shards, work);
  };
  return withFileLockOrElse(paths.lock, action, (owner, file) => busy(out, owner, file));
}

/** By name, in order. @throws AppError USAGE with the first problem */
async function wholeShards(folder: string, work: Work): Promise<ReadonlyMap<string, ShardFacts>> {
  const found = await shardNames(folder);
  const [first] = found;
  if (!first) throw new AppError('USAGE', `${folder} has no shards to join`);
  const kinds = SHARD_KINDS.filter((kind) => found.some((shard) => shard.kind === kind));
  const counts = new Set(found.map(({ count }) => count));
  if (kinds.length > 1 || counts.size > 1) {
    throw new AppError('USAGE', `${folder} has shards of several sets (${kinds.join(' and ')}, of ${[...counts].join(' and ')}); put each into a folder of its own`); // prettier-ignore
  }
  const { whole, bad } = await looked(folder, { kind: first.kind, shards: first.count }, work);
  const problems = [...bad, ...differing(whole)];
  if (problems.length === 0) return whole;
  const [{ name, problem }] = problems as [{ name: string; problem: string }];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more are not as they should be` : '';
  throw new AppError('USAGE', `${path.join(folder, name)}: ${problem}${more}; finch shards verify lists all`);
}

const ROW = z.object({
  file: z.string(),
  class: z.string(),
  sha256: z.string(),
  width: z.number(),
  height: z.number(),
  features: z.array(z.number()),
});

async function joinFeatures(
  { folder, out, format }: JoinConfig,
  shards: ReadonlyMap<string, ShardFacts>,
  work: Work,
): Promise<JoinedShards> {
  const [[firstName, first]] = [...shards] as [[string, ShardFacts]];
  const paths = featurePaths(out, [''], format);
  const settings = featureSettingsOf(
    { ...first.settings, modelSource: first.settings['model'], format, inputs: [] },
    path.join(folder, firstName),
  );
  const { rowShape, dtype } = await shapeOf(path.join(folder, firstName), settings.dtype);
  const files = [{ file: path.basename(paths.rows[0]!), layer: settings.layers[0]!, rowShape }];
  const start: FeatureRecord = { settings, files, complete: false, rows: 0, failed: 0, manifestBytes: 0, errorsBytes: 0 }; // prettier-ignore
  const writer = await openFeatureWriter(paths, start, dtype);
  try {
    let done = 0;
    for (const name of shards.keys()) {
      const file = path.join(folder, name);
      const { parquet } = await openShard(file);
      try {
        for (const group of parquet.groups) {
          throwIfAborted(work);
          for (const stored of await parquet.read(group, Object.keys(ROW.shape))) {
            const { class: className, features, ...row } = checkedAs(ROW, stored, { file, writer: 'finch' });
            writer.add({ ...row, className, rows: [Float32Array.from(features)] });
          }
          await writer.flush();
        }
      } finally {
        await parquet.close();
      }
      for await (const { file: picture, code, message } of shardFailures(
        path.join(folder, errorsName(name)),
      )) {
        writer.fail(picture, new AppError(code as ErrorCode, message));
      }
      await writer.flush();
      done += 1;
      work.progress({ task: 'join', done, total: shards.size, text: `${done} of ${shards.size} shards, ${writer.rows} rows` }); // prettier-ignore
    }
    await finishRows(writer, { paths, format, dtype, rowShapes: [rowShape] });
  } finally {
    await writer.close();
  }
  return { shards: shards.size, rows: writer.rows, failed: writer.failed, errors: paths.errors };
}

async function shapeOf(file: string, dtype: string) {
  const { parquet } = await openShard(file);
  await parquet.close();
  const shape = (parquet.facts.get('shape') ?? '').split(',').map(Number);
  if (!shape.every((side) => Number.isSafeInteger(side) && side > 0)) throw new AppError('FILE_INVALID', `${file} does not say the shape of its rows`); // prettier-ignore
  return { rowShape: shape, dtype: dtype === 'float16' ? ('float16' as const) : ('float32' as const) };
}
