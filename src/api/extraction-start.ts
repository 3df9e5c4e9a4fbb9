// extraction-start.ts: where an extraction begins: anew, or where its record says that an earlier one stopped. Says what is in the way.

import path from 'node:path';
import type { ExtractConfig, RowConfig } from '../config/features.ts';
import type { FeaturePaths } from '../features/paths.ts';
import { readRecord, settingsDifference, type FeatureRecord } from '../features/record.ts';
import { AppError } from '../util/errors.ts';
import { isThere } from '../util/files.ts';
import type { Embedder } from './embedding.ts';

/** @param next what can be done besides choosing another name */
export function alreadyThere(
  file: string,
  next = 'go on with it with --resume, replace it with --force',
): AppError {
  return new AppError('USAGE', `${file} is there already; ${next}, or choose another --out`);
}

export function busy(out: string, owner: string, lock: string): AppError {
  return new AppError(
    'USAGE',
    `another finch (${owner}) writes ${out}; wait for it, stop it, or choose another --out (if that is no finch any more, remove ${lock})`,
  );
}

/** All that decides the numbers of a row. */
export function featureSettings(
  { model: modelSource, pool, normalize, dtype, decode }: RowConfig,
  { model, weights, layers, preprocessing, device }: Embedder,
) {
  return {
    model,
    modelSource,
    weights,
    layers: layers.map(({ name }) => name),
    pool,
    normalize,
    dtype,
    preprocessing,
    exif: !decode.ignoreExif,
    maxPixels: decode.maxPixels ?? null,
    device,
  };
}

/** Where to begin: at the start, or where the record says that an earlier run stopped. */
export async function startingPoint(
  config: ExtractConfig,
  embedder: Embedder,
  { paths, there }: { readonly paths: FeaturePaths; readonly there: string | undefined },
): Promise<FeatureRecord> {
  const { layers } = embedder;
  const settings = { ...featureSettings(config, embedder), format: config.format, inputs: config.inputs };
  const files = layers.map(({ name, rowShape }, i) => ({
    file: path.basename(paths.rows[i]!),
    layer: name,
    rowShape,
  }));
  const fresh = { settings, files, complete: false, rows: 0, failed: 0, manifestBytes: 0, errorsBytes: 0 };
  if (there === undefined || config.existing === 'replace') return fresh;
  const record = await readRecord(paths.record);
  if (!record) {
    throw new AppError(
      'USAGE',
      `--resume: ${there} is there, but ${paths.record}, which says how it was made, is not; start anew with --force`,
    );
  }
  const difference = settingsDifference(record.settings, settings);
  if (difference !== undefined) {
    throw new AppError(
      'USAGE',
      `--resume: ${paths.rows.join(', ')} was begun with other settings: ${difference}; give the same ones, or start anew with --force`,
    );
  }
  if (record.complete) await refuseMissing([...paths.rows, paths.manifest]);
  return record;
}

/** @throws AppError FILE_INVALID for a file that a complete extraction has lost */
async function refuseMissing(files: readonly string[]): Promise<void> {
  for (const file of files) {
    if ((await firstThere([file])) !== undefined) continue;
    throw new AppError(
      'FILE_INVALID',
      `${file} is not there, its record says it is complete; start anew with --force`,
    );
  }
}

export async function firstThere(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await isThere(file)) return file;
  return undefined;
}
