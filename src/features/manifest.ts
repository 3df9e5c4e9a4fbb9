// manifest.ts: features.csv, read back: which picture a row is of. Read as a stream: it may have a million lines.

import { parse } from 'csv-parse';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { openRegularFile } from '../util/files.ts';

export interface ManifestEntry {
  readonly file: string;
  /** Empty where the picture came from no class folder. */
  readonly className: string;
  /** Of the picture's content; an index does not keep it. */
  readonly sha256?: string;
}

/**
 * The pictures of some rows.
 * @throws AppError FILE_INVALID when the manifest is missing, is something else, or lacks one of the rows
 */
export async function readManifest(
  file: string,
  rows: ReadonlySet<number>,
): Promise<ReadonlyMap<number, ManifestEntry>> {
  const entries = new Map<number, ManifestEntry>();
  let count = 0;
  for await (const entry of manifestEntries(file)) {
    if (rows.has(count)) entries.set(count, entry);
    count += 1;
    if (entries.size === rows.size) break;
  }
  if (entries.size < rows.size) throw invalid(file, `has ${count} rows, fewer than the features`);
  return entries;
}

const invalid = (file: string, problem: string, cause?: unknown) =>
  new AppError('FILE_INVALID', `${file} ${problem}; it belongs to the features, make both again`, { cause });

/** The pictures of the rows from this one on, in their order. @throws AppError FILE_INVALID */
export async function* manifestEntries(
  file: string,
  from = 0,
): AsyncGenerator<ManifestEntry, void, undefined> {
  let count = 0;
  try {
    const { handle } = await openRegularFile(file);
    const rest = handle.createReadStream().on('error', (error) => records.destroy(error));
    const records = rest.pipe(parse({ columns: true }));
    // A reader that stops early leaves no file open.
    records.on('close', () => rest.destroy());
    for await (const record of records as AsyncIterable<Readonly<Record<string, string>>>) {
      const row = count++;
      if (record['file'] === undefined || record['row'] !== String(row)) {
        throw invalid(file, `has no row ${row} in line ${row + 2}`);
      }
      if (row >= from) yield { file: record['file'], className: record['class'] ?? '', sha256: record['sha256'] ?? '' }; // prettier-ignore
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (systemCode(error) === 'ENOENT') throw invalid(file, 'is not there', error);
    throw invalid(file, `is no manifest: ${messageOf(error)}`, error);
  }
}
