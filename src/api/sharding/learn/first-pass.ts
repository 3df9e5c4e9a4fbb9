// first-pass.ts: the one pass that decodes the shards: it divides the rows, adds them up, and keeps them as a flat file where the disk has
// room, so that further passes read that. A pass that was cut short leaves no rows, and is made again.

import { rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import {
  createRowFile,
  readRowFile,
  type RowFilePaths,
  type RowFileWriter,
} from '../../../features/row-file.ts';
import type { ParquetThread } from '../../../formats/foreign-parquet.ts';
import type { BlockProducts } from '../../../engine/onnx/block-products.ts';
import {
  readFirstPass,
  saveFirstPass,
  type HeadPaths,
  type RowsRecord,
} from '../../../run/head-checkpoint.ts';
import { featureGroups } from '../../../shards/feature-rows.ts';
import { sumsBuilder, type FeatureSums } from '../../../train/feature-sums.ts';
import { blockRows, type RowBlock, type RowStream } from '../../../train/row-stream.ts';
import { AppError } from '../../../util/errors.ts';
import { formatBytes } from '../../../util/progress.ts';
import { throwIfAborted, type Work } from '../../work.ts';
import { rowDivider, type Division } from './divided-rows.ts';
import type { ShardSet } from './shard-set.ts';

export interface FirstPass {
  readonly record: RowsRecord;
  readonly sums: FeatureSums;
}

export interface PassJob {
  readonly set: ShardSet;
  /** In a row. */
  readonly numbers: number;
  readonly thread: ParquetThread;
  readonly paths: HeadPaths;
  readonly products: BlockProducts;
  readonly division: Division;
  /** Whether there will be further passes over so many rows of so many classes; more of either never bring them back. */
  readonly goesOn: (rows: number, classes: number) => boolean;
}

/** What must stay free on the disk. */
const SPARE_BYTES = 2 ** 30;

/** Reads the shards, unless an earlier run did. @throws AppError FILE_INVALID, WRITE_FAILED, INTERRUPTED */
export async function firstPass(job: PassJob, work: Work): Promise<FirstPass> {
  const { set, numbers, thread, paths, products, division, goesOn } = job;
  const known = await readFirstPass(paths);
  if (known) return known;
  // What a process left that was killed takes room that is counted below.
  await removeRows(paths.train, paths.judged);
  const folder = path.dirname(paths.record);
  const bytes = set.rows * (numbers + 1) * 4;
  const { bavail, bsize } = await statfs(folder);
  const hasRoom = bytes + SPARE_BYTES <= bavail * bsize;
  const builder = sumsBuilder(products, numbers);
  const divider = rowDivider(division);
  const judged: string[] = [];
  let trained = 0;
  const isFirstOfMany = () => goesOn(trained, divider.classes.size);
  let kept: RowFileWriter | undefined;
  let aside: RowFileWriter | undefined;
  try {
    if (hasRoom && isFirstOfMany()) kept = await createRowFile(paths.train);
    aside = await createRowFile(paths.judged);
    let done = 0;
    for await (const group of featureGroups(set.files, numbers, thread)) {
      throwIfAborted(work);
      const parts = divider.divide(group);
      trained += parts.train.labels.length;
      if (kept && !isFirstOfMany()) {
        await kept.close();
        kept = undefined;
        await removeRows(paths.train);
      }
      const writing = kept?.add(parts.train.rows, parts.train.labels);
      writing?.catch(() => {}); // told below
      if (parts.train.labels.length > 0) await builder.add(parts.train);
      await writing;
      await aside.add(parts.judged.rows, parts.judged.labels);
      judged.push(...parts.judged.files);
      done += group.files.length;
      work.progress({
        task: 'features',
        done,
        total: set.rows,
        text: `features: ${done} of ${set.rows} rows`,
      });
    }
    await kept?.close();
    await aside.close();
  } catch (error) {
    // That what is closed already cannot be closed again says nothing.
    await Promise.allSettled([kept?.close(), aside?.close()]);
    await removeRows(paths.train, paths.judged);
    throw error;
  }
  if (!kept && isFirstOfMany()) work.note(`the disk of ${folder} has no room for ${formatBytes(bytes)} of rows: every pass reads the shards, which takes longer`); // prettier-ignore
  const sums = builder.sums();
  const record = { numbers, classes: [...divider.classes.keys()], counts: [...sums.counts], judged, unlabelled: divider.unlabelled, areKept: kept !== undefined }; // prettier-ignore
  await saveFirstPass(paths, record, sums);
  return { record, sums };
}

/** What cannot be removed cannot be written either, which is told then. */
async function removeRows(...files: readonly RowFilePaths[]): Promise<void> {
  for (const { rows, labels } of files) {
    for (const file of [rows, labels]) await rm(file, { force: true }).catch(() => {});
  }
}

/** The rows to learn from, for further passes. @param order the number that each class gets */
export function trainStream(
  { set, thread, paths, division }: PassJob,
  { record }: FirstPass,
  order: Int32Array,
): RowStream {
  const { numbers, counts, areKept } = record;
  const count = counts.reduce((a, b) => a + b, 0);
  const most = blockRows(numbers, counts.length);
  const kept = () => readRowFile(paths.train, { numbers, count, blockRows: most });
  async function* decoded(): AsyncGenerator<RowBlock, void, undefined> {
    const divider = rowDivider(division);
    for await (const group of featureGroups(set.files, numbers, thread)) {
      const { rows, labels } = divider.divide(group).train;
      for (let from = 0; from < labels.length; from += most) {
        yield {
          rows: rows.subarray(from * numbers, (from + most) * numbers),
          labels: labels.subarray(from, from + most),
        };
      }
    }
  }
  return { count, numbers, blocks: () => ordered(areKept ? kept() : decoded(), order) };
}

/** The rows to judge by. */
export function judgedStream(
  { paths }: Pick<PassJob, 'paths'>,
  { record }: FirstPass,
  order: Int32Array,
): RowStream {
  const { numbers, counts, judged } = record;
  const most = blockRows(numbers, counts.length);
  const blocks = () => readRowFile(paths.judged, { numbers, count: judged.length, blockRows: most });
  return { count: judged.length, numbers, blocks: () => ordered(blocks(), order) };
}

async function* ordered(
  blocks: AsyncIterable<RowBlock>,
  order: Int32Array,
): AsyncGenerator<RowBlock, void, undefined> {
  for await (const { rows, labels } of blocks) {
    if (labels.some((label) => label < 0 || label >= order.length)) {
      throw new AppError(
        'FILE_INVALID',
        'the shards have other classes than before: they were changed meanwhile',
      );
    }
    yield { rows, labels: labels.map((label) => order[label]!) };
  }
}
