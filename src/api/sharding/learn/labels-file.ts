// labels-file.ts: the classes of pictures from a csv of two columns, `key` and `label`, held in memory while shards are read.

import { parse } from 'csv-parse';
import { AppError, messageOf, systemCode } from '../../../util/errors.ts';
import { openRegularFile, sha256OfFile } from '../../../util/files.ts';

/** About a gigabyte of names. */
const MAX_LABELS = 10_000_000;
/** A path and a name. */
const MAX_ROW_BYTES = 65_536;

export interface Labels {
  /** By the names of pictures. */
  readonly classes: ReadonlyMap<string, string>;
  /** sha256 of the file. */
  readonly hash: string;
}

/** @throws AppError FILE_INVALID */
export async function readLabels(file: string): Promise<Labels> {
  const invalid = (problem: string, cause?: unknown) => new AppError('FILE_INVALID', `--labels-from ${file}: ${problem}`, { cause }); // prettier-ignore
  const labels = new Map<string, string>();
  try {
    const { handle } = await openRegularFile(file);
    const rest = handle.createReadStream().on('error', (error) => rows.destroy(error));
    const rows = rest.pipe(parse({ columns: true, bom: true, trim: true, maxRecordSize: MAX_ROW_BYTES }));
    for await (const { key, label } of rows as AsyncIterable<Readonly<Record<string, string>>>) {
      if (key === undefined || label === undefined) throw invalid('expected the columns key and label');
      if (key === '' || label === '') throw invalid(`line ${labels.size + 2} lacks its key or its label`);
      const former = labels.get(key);
      if (former !== undefined && former !== label) throw invalid(`${key} is ${former} in one line and ${label} in another`); // prettier-ignore
      labels.set(key, label);
      if (labels.size > MAX_LABELS) throw invalid(`has more than ${MAX_LABELS} lines`);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw invalid(systemCode(error) === 'ENOENT' ? 'no such file' : messageOf(error), error);
  }
  if (labels.size === 0) throw invalid('has no lines');
  return { classes: labels, hash: await sha256OfFile(file) };
}
