// finish.ts: the end of an extraction: the record says that all rows are there, and rows that are to be parquet become parquet.

import { rename, rm } from 'node:fs/promises';
import type { NpyDtype } from '../formats/npy-header.ts';
import { isThere, writeFailed } from '../util/files.ts';
import type { Shape } from '../util/shape.ts';
import type { FeaturePaths } from './paths.ts';
import type { FeatureWriter } from './writer.ts';

/** How the rows are kept. */
export interface Kept {
  readonly paths: FeaturePaths;
  readonly format: 'npy' | 'parquet';
  readonly dtype: NpyDtype;
  /** Of each layer. */
  readonly rowShapes: readonly Shape[];
}

/** @throws AppError WRITE_FAILED */
export async function finishRows(
  writer: FeatureWriter,
  { paths, format, dtype, rowShapes }: Kept,
): Promise<void> {
  if (format === 'npy') {
    await writer.checkpoint({ complete: true });
    return;
  }
  // The parquet file is made when all rows exist; until the record says that it is done, a resume makes it again.
  await writer.checkpoint();
  const { writeParquet } = await import('./parquet.ts');
  for (const [i, file] of paths.rows.entries()) {
    await writeParquet(file, {
      work: paths.work[i]!,
      manifest: paths.manifest,
      dtype,
      rowShape: rowShapes[i]!,
    });
  }
  await writer.checkpoint({ complete: true });
  for (const file of paths.work) {
    await rm(file, { force: true }).catch((error: unknown) => {
      throw writeFailed(file, error);
    });
  }
}

/** Puts rows that are whole in the place of former ones. A kill in between leaves none that a record calls complete. @throws AppError WRITE_FAILED */
export async function moveRows(from: FeaturePaths, to: FeaturePaths): Promise<void> {
  const move = async (source: string, target: string) => {
    await rename(source, target).catch((error: unknown) => {
      throw writeFailed(target, error);
    });
  };
  await rm(to.record, { force: true });
  // A run without failures has no list of them.
  await rm(to.errors, { force: true });
  for (const [i, file] of from.rows.entries()) await move(file, to.rows[i]!);
  await move(from.manifest, to.manifest);
  if (await isThere(from.errors)) await move(from.errors, to.errors);
  await move(from.record, to.record);
}
