// finish.ts: the end of an extraction: the record says that all rows are there, and rows that are to be parquet become parquet.

import { rm } from 'node:fs/promises';
import type { NpyDtype } from '../formats/npy.ts';
import { writeFailed } from '../util/files.ts';
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
