// manifest-references.ts: rows of a manifest -> references to their pictures, as they were when they were listed. It opens no picture.

import type { ParquetFile } from '../formats/parquet-file.ts';
import type { ImageReference } from '../images/source.ts';
import { openPictureTable, type PictureTable } from '../images/table-pictures.ts';
import { isBucketAddress } from '../objects/address.ts';
import { placeOf } from '../objects/place.ts';
import { checkedAs } from '../util/checked.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import { GROUP_ROWS, MANIFEST_COLUMNS, STORED_ROW, type ManifestRow } from './manifest-rows.ts';

async function* rowsOf(
  parquet: ParquetFile,
  from: number,
  count: number,
): AsyncGenerator<ManifestRow, void, undefined> {
  for (let at = from; at < from + count; at += GROUP_ROWS) {
    const to = Math.min(from + count, at + GROUP_ROWS);
    for (const stored of await parquet.read({ from: at, to }, MANIFEST_COLUMNS)) {
      const { class: className, size, place, ...row } = checkedAs(STORED_ROW, stored, { file: parquet.file, writer: 'finch shards' }); // prettier-ignore
      yield { ...row, className, size: Number(size), place: Number(place) };
    }
  }
}

/** In order; a picture that changed since it was listed is an error. @throws AppError FILE_INVALID, DOWNLOAD_FAILED */
export async function* referencesOf(
  parquet: ParquetFile,
  from: number,
  count: number,
): AsyncGenerator<ImageReference, void, undefined> {
  /** What is known of the archive or table of the last picture: the next one most often lies in the same. */
  let container = '';
  let problem: AppError | undefined;
  let table: PictureTable | undefined;
  try {
    for await (const row of rowsOf(parquet, from, count)) {
      const isNew = row.container === '' || row.container !== container;
      if (isNew) {
        container = row.container;
        await table?.close();
        table = undefined;
        problem = await problemOf(row);
      }
      const common = { file: row.key, className: row.className };
      if (problem) yield { ...common, content: { error: problem } };
      else if (!isTable(container)) yield { ...common, content: contentOf(row) };
      else {
        table ??= await openPictureTable(container);
        yield { ...common, content: (await table.picture(row.place)).content };
      }
    }
  } finally {
    await table?.close();
  }
}

const isTable = (container: string) => container.toLowerCase().endsWith('.parquet');

function contentOf({ key, etag, size, container, place }: ManifestRow): ImageReference['content'] {
  const where = container || key;
  const part = container === '' ? {} : { part: { offset: place, bytes: size } };
  return isBucketAddress(where) ? { object: { where, etag, size, ...part } } : { path: where, ...part };
}

/** Why a file, archive or table is not what was listed; undefined where it is. */
async function problemOf({ key, container, etag }: ManifestRow): Promise<AppError | undefined> {
  const where = container || key;
  // An object is asked for by its etag: a request of its own would double their number.
  if (isBucketAddress(where) && !isTable(container)) return undefined;
  const place = await placeOf(where);
  const found = await place.find(where).catch((error: unknown) => {
    if (error instanceof AppError) throw error;
    return new AppError('INPUT_NOT_FOUND', openingProblem(error, 'no such file'), { cause: error });
  });
  if (found instanceof AppError) return found;
  if (!found) return new AppError('INPUT_NOT_FOUND', 'no such file');
  if (found.etag === etag) return undefined;
  return new AppError('INPUT_CHANGED', 'the file was changed since the manifest was made; list the pictures again'); // prettier-ignore
}
