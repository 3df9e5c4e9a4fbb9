// row-sources.ts: rows of features from files and from folders of shards, some hundred at a time, with the pictures that they are of. Nothing
// of them is kept.

import path from 'node:path';
import { stat } from 'node:fs/promises';
import { rowsAtOnce, type NewRows } from '../../features/index/new-rows.ts';
import { manifestEntries } from '../../features/manifest.ts';
import type { FeatureSettings } from '../../features/record.ts';
import type { ParquetThread } from '../../formats/foreign-parquet.ts';
import { openNpy } from '../../formats/npy.ts';
import { NO_SEAL, SEAL_KEY } from '../../formats/sealed-parquet.ts';
import { isBucketAddress, joinedTo } from '../../objects/address.ts';
import { parseShardName, shardName } from '../../shards/names.ts';
import { findShard, openShard } from '../../shards/shard-file.ts';
import { shardRowGroups, shardRowShape, shardSettings } from '../../shards/shard-rows.ts';
import { AppError, openingProblem } from '../../util/errors.ts';
import { sha256OfFile } from '../../util/files.ts';
import { elementCount, type Shape } from '../../util/shape.ts';
import { shellWord } from '../../util/shell-word.ts';
import { grouped } from '../../util/streams.ts';
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
  /** The rows from this one on. A shard is read through before the first: one that is in the index already need not be. @throws AppError FILE_INVALID */
  blocks(from: number): AsyncGenerator<Omit<NewRows, 'source'>, void, undefined>;
}

interface Opening {
  readonly thread: ParquetThread;
  /** What takes shards that are not there yet, for a remark. */
  readonly later: string;
}

/**
 * One file after another: those named, and the shards of features in the folders named.
 * @throws AppError FILE_INVALID for one that is damaged or has no record; USAGE for a folder without shards
 */
export async function* rowSources(
  inputs: readonly string[],
  { thread, later }: Opening,
  work: Work,
): AsyncGenerator<RowSource, void, undefined> {
  for (const input of inputs) {
    const isBucket = isBucketAddress(input);
    const isFolder = !isBucket && (await stat(input).catch(() => undefined))?.isDirectory();
    const name = path.basename(input);
    if (!isFolder && parseShardName(name)) yield* oneShard(path.dirname(input), name, thread);
    else if (isFolder || isBucket) yield* shardsIn(input, { thread, later }, work);
    else yield* npySource(input);
  }
}

async function* npySource(file: string): AsyncGenerator<RowSource, void, undefined> {
  const npy = await openNpy(file);
  try {
    const found = await findRecord(file);
    if (!found) throw new AppError('FILE_INVALID', `${file} has no record of how it was made (the .json beside it); make it with extract-features`); // prettier-ignore
    if (!found.record.complete) throw new AppError('USAGE', `${file} is not complete: ${npy.count} rows so far; finish it with extract-features --resume`); // prettier-ignore
    if (npy.count === 0) return;
    const { settings, layer, manifest } = found;
    const id = await sha256OfFile(manifest).catch((error: unknown) => {
      if (error instanceof AppError) throw error;
      throw new AppError('FILE_INVALID', `${manifest}: ${openingProblem(error, 'is not there')}; it says which pictures ${file} is of, make both again`, { cause: error }); // prettier-ignore
    });
    yield {
      id,
      name: file,
      rows: npy.count,
      settings,
      layer,
      rowShape: npy.rowShape,
      async *blocks(from) {
        let row = from;
        const size = rowsAtOnce(elementCount(npy.rowShape));
        for await (const entries of grouped(manifestEntries(manifest, from), size)) {
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

async function* shardsIn(folder: string, { thread, later }: Opening, work: Work) {
  const shards = (await shardNames(folder)).filter(({ kind }) => kind === 'features');
  if (shards.length === 0) throw new AppError('USAGE', `${folder} has no shards of features; they are made by extract-features --manifest M --shard I/N --out ${shellWord(folder)}`); // prettier-ignore
  const counts = new Set(shards.map(({ count }) => count));
  if (counts.size > 1) throw new AppError('USAGE', `${folder} has shards of several sets (of ${[...counts].join(' and ')}); put each into a folder of its own`); // prettier-ignore
  const [expected] = counts;
  if (shards.length < expected!) work.note(`${folder} has ${shards.length} of ${expected} shards; ${later} takes the others when they are there`); // prettier-ignore
  shards.sort((a, b) => a.index - b.index);
  for (const shard of shards) yield* oneShard(folder, shardName(shard.kind, shard), thread);
}

async function* oneShard(
  folder: string,
  name: string,
  thread: ParquetThread,
): AsyncGenerator<RowSource, void, undefined> {
  const file = joinedTo(folder, name);
  const { parquet, facts } = await openShard(file, thread);
  try {
    // A shard whose pictures all failed has no rows, and no shape.
    if (parquet.rows === 0) return;
    const settings = shardSettings(facts, { file, format: 'parquet' });
    const rowShape = shardRowShape(parquet);
    const numbers = elementCount(rowShape);
    yield {
      id: parquet.facts.get(SEAL_KEY) ?? NO_SEAL,
      name: file,
      rows: parquet.rows,
      settings,
      layer: settings.layers[0]!,
      rowShape,
      async *blocks(from) {
        const found = await findShard(folder, name, thread);
        if (found.state !== 'whole') throw new AppError('FILE_INVALID', `${file}: ${found.state === 'missing' ? 'no such file' : found.problem}`); // prettier-ignore
        let row = 0;
        for await (const group of shardRowGroups(parquet)) {
          for (let at = Math.max(0, from - row); at < group.length; at += rowsAtOnce(numbers)) {
            const rows = group.slice(at, at + rowsAtOnce(numbers));
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
