// join-features.ts: shards of extract-features -> the files that it writes at once, gathered aside. A row group is in memory.

import path from 'node:path';
import type { JoinConfig } from '../../config/shards.ts';
import { finishRows, moveRows } from '../../features/finish.ts';
import { featurePaths, type FeaturePaths } from '../../features/paths.ts';
import type { FeatureRecord } from '../../features/record.ts';
import { openFeatureWriter } from '../../features/writer.ts';
import type { ParquetThread } from '../../formats/foreign-parquet.ts';
import { joinedTo } from '../../objects/address.ts';
import { shardFailures } from '../../shards/failures.ts';
import { errorsName } from '../../shards/names.ts';
import type { ShardFacts } from '../../shards/shard-facts.ts';
import { openShard } from '../../shards/shard-file.ts';
import { shardRowGroups, shardRowShape, shardSettings } from '../../shards/shard-rows.ts';
import { AppError, type ErrorCode } from '../../util/errors.ts';
import { withFolderAside } from '../../util/files.ts';
import { throwIfAborted, type Work } from '../work.ts';
import type { JoinedShards } from './join.ts';

interface Joining {
  /** By name, in order. */
  readonly shards: ReadonlyMap<string, ShardFacts>;
  readonly thread: ParquetThread;
  /** What is written in the end. */
  readonly paths: FeaturePaths;
}

/** @throws AppError FILE_INVALID, WRITE_FAILED, INTERRUPTED: nothing of the rows is left then */
export async function joinFeatures(
  config: JoinConfig,
  { paths, ...joining }: Joining,
  work: Work,
): Promise<JoinedShards> {
  return withFolderAside(config.out, async (aside) => {
    const inside = featurePaths(path.join(aside, path.basename(config.out)), [''], config.format);
    const { rows, failed } = await writeRows(config, { ...joining, paths: inside }, work);
    await moveRows(inside, paths);
    return { shards: joining.shards.size, rows, failed, errors: paths.errors };
  });
}

async function writeRows({ folder, format }: JoinConfig, { shards, thread, paths }: Joining, work: Work) {
  const [[firstName, first]] = [...shards] as [[string, ShardFacts]];
  const firstFile = joinedTo(folder, firstName);
  const settings = shardSettings(first, { file: firstFile, format });
  const dtype = settings.dtype === 'float16' ? 'float16' : 'float32';
  const rowShape = await shapeOf(firstFile, thread);
  const files = [{ file: path.basename(paths.rows[0]!), layer: settings.layers[0]!, rowShape }];
  const start: FeatureRecord = { settings, files, complete: false, rows: 0, failed: 0, manifestBytes: 0, errorsBytes: 0 }; // prettier-ignore
  const writer = await openFeatureWriter(paths, start, dtype);
  try {
    let done = 0;
    for (const name of shards.keys()) {
      const file = joinedTo(folder, name);
      const { parquet } = await openShard(file, thread);
      try {
        for await (const group of shardRowGroups(parquet)) {
          throwIfAborted(work);
          for (const { numbers, ...row } of group) writer.add({ ...row, rows: [numbers] });
          await writer.flush();
        }
      } finally {
        await parquet.close();
      }
      for await (const { file: picture, code, message } of shardFailures(
        joinedTo(folder, errorsName(name)),
      )) {
        writer.fail(picture, new AppError(code as ErrorCode, message));
      }
      await writer.flush();
      done += 1;
      work.progress({ task: 'join', done, total: shards.size, text: `${done} of ${shards.size} shards, ${writer.rows} rows` }); // prettier-ignore
    }
    throwIfAborted(work);
    await finishRows(writer, { paths, format, dtype, rowShapes: [rowShape] });
  } finally {
    await writer.close();
  }
  const { rows, failed } = writer;
  return { rows, failed };
}

/** Of a row. @throws AppError FILE_INVALID */
async function shapeOf(file: string, thread: ParquetThread): Promise<readonly number[]> {
  const { parquet } = await openShard(file, thread);
  await parquet.close();
  return shardRowShape(parquet);
}
