// shard-rows.ts: the rows of a shard of features, a row group at a time, and what the shard says of how they were made.

import * as z from 'zod';
import type { TableRow } from '../features/parquet.ts';
import { featureSettingsOf, type FeatureSettings } from '../features/record.ts';
import type { ParquetFile } from '../formats/parquet-file.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError } from '../util/errors.ts';
import { elementCount, type Shape } from '../util/shape.ts';
import type { ShardFacts } from './shard-facts.ts';

const ROW = z.object({
  file: z.string(),
  class: z.string(),
  sha256: z.string(),
  width: z.number(),
  height: z.number(),
  features: z.instanceof(Float64Array),
});

/** A row as extract-features makes it. */
export type ShardRow = Omit<TableRow, 'row'>;

/** The rows of each group, or of some, in their order. @throws AppError FILE_INVALID */
export async function* shardRowGroups(
  parquet: ParquetFile,
  groups = parquet.groups,
): AsyncGenerator<readonly ShardRow[], void, undefined> {
  const { file } = parquet;
  const numbersInRow = elementCount(shardRowShape(parquet));
  for (const group of groups) {
    const stored = await parquet.read(group, Object.keys(ROW.shape));
    yield stored.map((row) => {
      const { class: className, features, ...rest } = checkedAs(ROW, row, { file, writer: 'finch' });
      if (features.length !== numbersInRow) throw new AppError('FILE_INVALID', `${file} has a row of ${features.length} numbers, expected ${numbersInRow}`); // prettier-ignore
      return { ...rest, className, numbers: Float32Array.from(features) };
    });
  }
}

/** @throws AppError FILE_INVALID */
export function shardRowShape({ file, facts }: Pick<ParquetFile, 'file' | 'facts'>): Shape {
  const shape = (facts.get('shape') ?? '').split(',').map(Number);
  if (shape.every((side) => Number.isSafeInteger(side) && side > 0)) return shape;
  throw new AppError('FILE_INVALID', `${file} does not say the shape of its rows`);
}

/** As if extract-features had made the rows at once, in a file of this format. @throws AppError FILE_INVALID */
export function shardSettings(
  { settings }: Pick<ShardFacts, 'settings'>,
  { file, format }: { readonly file: string; readonly format: string },
): FeatureSettings {
  return featureSettingsOf({ ...settings, modelSource: settings['model'], format, inputs: [] }, file);
}
