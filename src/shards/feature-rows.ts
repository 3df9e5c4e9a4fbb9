// feature-rows.ts: the rows of shards of features, a row group at a time, the next one read while the caller is busy with one.

import type { ParquetThread } from '../formats/foreign-parquet.ts';
import { AppError } from '../util/errors.ts';
import { mapOrdered } from '../util/streams.ts';
import { openShard } from './shard-file.ts';

/** Rows of a row group, in order. */
export interface FeatureGroup {
  /** The shard that they are from. */
  readonly shard: string;
  /** What each picture is called, its class (empty where nothing says it), and the hash of its content. */
  readonly files: readonly string[];
  readonly classes: readonly string[];
  readonly hashes: readonly string[];
  /** `[N,D]` */
  readonly rows: Float32Array;
}

const COLUMNS = ['file', 'class', 'sha256'] as const;

/** Row groups that are read while one is worked on. */
const AHEAD = 2;

/**
 * @param shards where they are, in order. @param numbers in a row
 * @throws AppError FILE_INVALID where one is damaged, or has rows of another length
 */
export function featureGroups(
  shards: readonly string[],
  numbers: number,
  thread: ParquetThread,
): AsyncGenerator<FeatureGroup, void, undefined> {
  return mapOrdered(groupsOf(shards, thread), AHEAD, async ({ shard, parquet, group }) => {
    const [rows, about] = await Promise.all([
      parquet.numbers(group, 'features'),
      parquet.read(group, COLUMNS),
    ]);
    if (rows.length !== about.length * numbers) {
      throw new AppError('FILE_INVALID', `${shard} has ${rows.length} numbers in ${about.length} rows, expected ${numbers} in each`); // prettier-ignore
    }
    const texts = (column: (typeof COLUMNS)[number]) => about.map((row) => String(row[column]));
    return { shard, files: texts('file'), classes: texts('class'), hashes: texts('sha256'), rows };
  });
}

async function* groupsOf(shards: readonly string[], thread: ParquetThread) {
  for (const shard of shards) {
    const { parquet } = await openShard(shard, thread);
    for (const group of parquet.groups) yield { shard, parquet, group };
    // The thread answers in order: what was asked of the shard before is read before it is closed.
    await parquet.close();
  }
}
