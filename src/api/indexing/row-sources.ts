// row-sources.ts: rows of features from files and from folders of shards, some hundred at a time, with the pictures that they are of. Nothing
// of them is kept.

import path from 'node:path';
import { stat } from 'node:fs/promises';
import { BLOCK_ROWS, type RowBlock } from '../../features/index/add-rows.ts';
import { manifestEntries, type ManifestEntry } from '../../features/manifest.ts';
import type { FeatureSettings } from '../../features/record.ts';
import type { ParquetThread } from '../../formats/foreign-parquet.ts';
import { openNpy } from '../../formats/npy.ts';
import { SEAL_KEY } from '../../formats/sealed-parquet.ts';
import { isBucketAddress, joinedTo } from '../../objects/address.ts';
import { parseShardName, shardName } from '../../shards/names.ts';
import { findShard, openShard } from '../../shards/shard-file.ts';
import { shardRowGroups, shardRowShape, shardSettings } from '../../shards/shard-rows.ts';
import { AppError } from '../../util/errors.ts';
import { sha256OfFile } from '../../util/files.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import { findRecord } from '../searched.ts';
import { shardNames } from '../sharding/verify.ts';
import type { Work } from '../work.ts';

/** A file of rows that is open until the next one is asked for. */
export interface RowSource {
  /** The hash that tells its pictures from those of another. */
  readonly id: string;
  readonly name: string;
  readonly rows: number;
  readonly settings: FeatureSettings;
  readonly layer: string;
  readonly rowShape: Shape;
  /** The rows from this one on. @throws AppError FILE_INVALID */
  blocks(from: number): AsyncGenerator<Omit<RowBlock, 'source'>, void, undefined>;
}

/**
 * One file after another: those named, and the shards of features in the folders named.
 * @throws AppError FILE_INVALID for one that is damaged or has no record; USAGE for a folder without shards
 */
export async function* rowSources(
  inputs: readonly string[],
  thread: ParquetThread,
  work: Work,
): AsyncGenerator<RowSource, void, undefined> {
  for (const input of inputs) {
    const isFolder = isBucketAddress(input) || (await stat(input).catch(() => undefined))?.isDirectory();
    if (isFolder) yield* shardsIn(input, thread, work);
    else if (parseShardName(path.basename(input)))
      yield* oneShard(path.dirname(input), path.basename(input), thread); // prettier-ignore
    else yield* npySource(input);
  }
}

async function* npySource(file: string): AsyncGenerator<RowSource, void, undefined> {
  const npy = await openNpy(file);
  try {
    const found = await findRecord(file);
    if (!found) throw new AppError('FILE_INVALID', `${file} has no record of how it was made (the .json beside it); make it with extract-features`); // prettier-ignore
    if (!found.record.complete) throw new AppError('USAGE', `${file} is not complete: ${npy.count} rows so far; finish it with extract-features --resume`); // prettier-ignore
    const { settings, layer, manifest } = found;
    yield {
      id: await sha256OfFile(manifest),
      name: file,
      rows: npy.count,
      settings,
      layer,
      rowShape: npy.rowShape,
      async *blocks(from) {
        let row = from;
        for await (const entries of grouped(manifestEntries(manifest), from)) {
          if (row + entries.length > npy.count) throw new AppError('FILE_INVALID', `${manifest} has more rows than ${file}; make both again`); // prettier-ignore
          yield { vectors: await npy.read(row, entries.length), entries };
          row += entries.length;
        }
        if (row < npy.count) throw new AppError('FILE_INVALID', `${manifest} has ${row} rows, fewer than ${file}; make both again`); // prettier-ignore
      },
    };
  } finally {
    await npy.close();
  }
}

/** So many at a time as are added at a time. */
async function* grouped(
  entries: AsyncIterable<ManifestEntry>,
  from: number,
): AsyncGenerator<readonly ManifestEntry[], void, undefined> {
  let group: ManifestEntry[] = [];
  let row = 0;
  for await (const entry of entries) {
    if (row++ < from) continue;
    group.push(entry);
    if (group.length < BLOCK_ROWS) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function* shardsIn(folder: string, thread: ParquetThread, work: Work) {
  const shards = (await shardNames(folder)).filter(({ kind }) => kind === 'features');
  if (shards.length === 0) throw new AppError('USAGE', `${folder} has no shards of features; they are made by extract-features --manifest M --shard I/N --out ${folder}`); // prettier-ignore
  const expected = Math.max(...shards.map(({ count }) => count));
  if (shards.length < expected) work.note(`${folder} has ${shards.length} of ${expected} shards; finch index add takes the others when they are there`); // prettier-ignore
  shards.sort((a, b) => a.count - b.count || a.index - b.index);
  for (const shard of shards) yield* oneShard(folder, shardName(shard.kind, shard), thread);
}

async function* oneShard(
  folder: string,
  name: string,
  thread: ParquetThread,
): AsyncGenerator<RowSource, void, undefined> {
  const file = joinedTo(folder, name);
  const found = await findShard(folder, name, thread);
  if (found.state !== 'whole') throw new AppError('FILE_INVALID', `${file}: ${found.state === 'missing' ? 'no such file' : found.problem}`); // prettier-ignore
  const { parquet, facts } = await openShard(file, thread);
  try {
    // A shard whose pictures all failed has no rows, and no shape.
    if (parquet.rows === 0) return;
    const settings = shardSettings(facts, { file, format: 'parquet' });
    const rowShape = shardRowShape(parquet);
    const numbers = elementCount(rowShape);
    yield {
      id: parquet.facts.get(SEAL_KEY)!,
      name: file,
      rows: parquet.rows,
      settings,
      layer: settings.layers[0]!,
      rowShape,
      async *blocks(from) {
        let row = 0;
        for await (const group of shardRowGroups(parquet)) {
          for (let at = Math.max(0, from - row); at < group.length; at += BLOCK_ROWS) {
            const rows = group.slice(at, at + BLOCK_ROWS);
            const vectors = new Float32Array(rows.length * numbers);
            rows.forEach((one, i) => vectors.set(one.numbers, i * numbers));
            yield { vectors, entries: rows };
          }
          row += group.length;
        }
      },
    };
  } finally {
    await parquet.close();
  }
}
