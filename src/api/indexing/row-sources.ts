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
import { shardRowGroups, shardRowShape, shardSettings, type ShardRow } from '../../shards/shard-rows.ts'; // prettier-ignore
import { AppError, openingProblem } from '../../util/errors.ts';
import { sha256OfFile } from '../../util/files.ts';
import { oneArray } from '../../util/one-array.ts';
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
  /**
   * The numbers of at most so many rows, taken evenly from all of it: of a shard, from so many of its groups. It is not read through before.
   * @throws AppError FILE_INVALID
   */
  some(count: number, groups: number): Promise<Float32Array>;
}

/** Of a sample: few rows that lie together, because those of one class often do, and as many as make reading worth it. */
const ROWS_IN_A_ROW = 8;

/** A file that holds rows; `shard` where it is one of a folder's. */
export interface RowFile {
  readonly file: string;
  readonly shard?: { readonly folder: string; readonly name: string };
}

/**
 * The files named, and the shards of features in the folders named.
 * @throws AppError USAGE for a folder without shards
 */
export async function rowFiles(
  inputs: readonly string[],
  /** What takes shards that are not there yet, for a remark. */
  { later }: { readonly later: string },
  work: Work,
): Promise<readonly RowFile[]> {
  const files: RowFile[] = [];
  for (const input of inputs) {
    const isBucket = isBucketAddress(input);
    const isFolder = !isBucket && (await stat(input).catch(() => undefined))?.isDirectory();
    const name = path.basename(input);
    if (!isFolder && parseShardName(name)) files.push(shardFile(path.dirname(input), name));
    else if (isFolder || isBucket) files.push(...(await shardsIn(input, later, work)));
    else files.push({ file: input });
  }
  return files;
}

const shardFile = (folder: string, name: string): RowFile => ({ file: joinedTo(folder, name), shard: { folder, name } }); // prettier-ignore

/** One file after another. @throws AppError FILE_INVALID for one that is damaged or has no record */
export async function* rowSources(
  files: readonly RowFile[],
  thread: ParquetThread,
): AsyncGenerator<RowSource, void, undefined> {
  for (const { file, shard } of files) {
    if (shard) yield* oneShard(shard.folder, shard.name, thread);
    else yield* npySource(file);
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
      async some(count) {
        const pieces: Float32Array[] = [];
        for (const at of evenly(Math.ceil(npy.count / ROWS_IN_A_ROW), Math.ceil(count / ROWS_IN_A_ROW))) {
          const from = at * ROWS_IN_A_ROW;
          pieces.push(await npy.read(from, Math.min(ROWS_IN_A_ROW, npy.count - from)));
        }
        return oneArray(pieces).subarray(0, count * elementCount(npy.rowShape));
      },
    };
  } finally {
    await npy.close();
  }
}

async function shardsIn(folder: string, later: string, work: Work): Promise<readonly RowFile[]> {
  const shards = (await shardNames(folder)).filter(({ kind }) => kind === 'features');
  if (shards.length === 0) throw new AppError('USAGE', `${folder} has no shards of features; they are made by extract-features --manifest M --shard I/N --out ${shellWord(folder)}`); // prettier-ignore
  const counts = new Set(shards.map(({ count }) => count));
  if (counts.size > 1) throw new AppError('USAGE', `${folder} has shards of several sets (of ${[...counts].join(' and ')}); put each into a folder of its own`); // prettier-ignore
  const [expected] = counts;
  if (shards.length < expected!) work.note(`${folder} has ${shards.length} of ${expected} shards; ${later} takes the others when they are there`); // prettier-ignore
  shards.sort((a, b) => a.index - b.index);
  return shards.map((shard) => shardFile(folder, shardName(shard.kind, shard)));
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
            yield { vectors: numbersOf(rows), entries: rows };
          }
          row += group.length;
        }
      },
      async some(count, most) {
        const pieces: Float32Array[] = [];
        const groups = evenly(parquet.groups.length, most).map((at) => parquet.groups[at]!);
        for await (const rows of shardRowGroups(parquet, groups)) {
          const chosen = evenly(rows.length, Math.ceil(count / groups.length)).map((at) => rows[at]!);
          pieces.push(numbersOf(chosen));
        }
        return oneArray(pieces).subarray(0, count * numbers);
      },
    };
  } finally {
    await parquet.close();
  }
}

/** So many whole numbers below `end`, as far apart as their number allows; all of them where they are fewer. */
export function evenly(end: number, count: number): readonly number[] {
  const taken = Math.min(end, count);
  return Array.from({ length: taken }, (_, i) => Math.floor(((i + 0.5) * end) / taken));
}

const numbersOf = (rows: readonly ShardRow[]) => oneArray(rows.map((row) => row.numbers));
