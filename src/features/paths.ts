// paths.ts: the names of the files that one extraction writes, all derived from its --out. Touches no disk.

import path from 'node:path';
import { AppError } from '../util/errors.ts';

export interface FeaturePaths {
  /** One for each layer, in their order. */
  readonly rows: readonly string[];
  /** Where rows go before they become parquet; the same as `rows` for npy. */
  readonly work: readonly string[];
  readonly manifest: string;
  readonly errors: string;
  readonly record: string;
  /** The path whose lock one process at a time holds. */
  readonly lock: string;
}

/**
 * `x.npy` -> `x.csv`, `x.errors.csv`, `x.json`; with several layers the rows are `x.<layer>.npy` each.
 * @throws AppError USAGE when two layers' names differ only in what file names cannot hold
 */
export function featurePaths(
  out: string,
  layers: readonly string[],
  format: 'npy' | 'parquet',
): FeaturePaths {
  const stem = out.slice(0, -path.extname(out).length);
  const stems = layers.length === 1 ? [stem] : layers.map((layer) => `${stem}.${asFileName(layer)}`);
  if (new Set(stems).size < stems.length) {
    throw new AppError(
      'USAGE',
      `--layer ${layers.join(',')}: two of these would go to one file; take one at a time`,
    );
  }
  const ending = path.extname(out);
  return {
    rows: stems.map((name) => `${name}${ending}`),
    work: stems.map((name) => (format === 'parquet' ? `${name}.partial.npy` : `${name}${ending}`)),
    manifest: `${stem}.csv`,
    errors: `${stem}.errors.csv`,
    record: `${stem}.json`,
    lock: stem,
  };
}

/** A layer's name may hold slashes. */
function asFileName(layer: string): string {
  return layer.replace(/[^\w.-]/g, '_');
}

/** Records that may tell of these rows, nearest first: `x.json`, or that of an extraction of several layers. */
export function recordCandidates(rows: string): readonly string[] {
  const { dir, name } = path.parse(rows);
  const parts = name.split('.');
  return parts.map((_, i) => path.join(dir, `${parts.slice(0, parts.length - i).join('.')}.json`));
}
