// write-manifest.ts: lists pictures as parquet: which picture, how large, and by what it is told that it changed.

import { writeSealedParquet, type WriteGroup } from '../formats/sealed-parquet.ts';
import type { ImageReference } from '../images/source.ts';
import { disk } from '../objects/disk.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { grouped } from '../util/streams.ts';
import {
  FACTS_KEY,
  GROUP_ROWS,
  MANIFEST_SCHEMA,
  MANIFEST_VERSION,
  manifestColumns,
  type ManifestRow,
} from './manifest-rows.ts';

/** Files that are looked at together; a row group is a multiple of it. */
const TOGETHER = 64;

interface Listing {
  /** Pictures in a shard. */
  readonly size: number;
  /** The class of a picture. */
  readonly classOf: (reference: ImageReference) => string;
  readonly onRow: (done: number) => void;
}

/**
 * Lists pictures. All of them have to be there: a manifest that lacks some would lack them for good.
 * @returns how many pictures. @throws AppError of one that is missing; WRITE_FAILED, also where the name is taken
 */
export async function writeManifest(
  file: string,
  references: AsyncIterable<ImageReference>,
  { size, classOf, onRow }: Listing,
): Promise<number> {
  let done = 0;
  const fill = async (writeGroup: WriteGroup) => {
    let rows: ManifestRow[] = [];
    const finishGroup = async () => {
      await writeGroup(manifestColumns(rows));
      done += rows.length;
      onRow(done);
      rows = [];
    };
    for await (const together of grouped(references, TOGETHER)) {
      const found = together.map((reference) => {
        const row = rowOf(reference, classOf(reference));
        row.catch(() => {}); // told at its turn
        return row;
      });
      for (const row of found) rows.push(await row);
      if (rows.length === GROUP_ROWS) await finishGroup();
    }
    if (rows.length > 0) await finishGroup();
    if (done === 0) throw new AppError('INPUT_EMPTY', 'no pictures: there is nothing to divide');
    return { [FACTS_KEY]: JSON.stringify({ version: MANIFEST_VERSION, size }) };
  };
  const isNew = await writeSealedParquet(file, MANIFEST_SCHEMA, fill, { replace: false });
  if (!isNew) throw new AppError('WRITE_FAILED', `${file} was written by another process meanwhile; it was left`); // prettier-ignore
  return done;
}

async function rowOf(reference: ImageReference, className: string): Promise<ManifestRow> {
  const { file: key, content, row } = reference;
  if ('error' in content) throw new AppError(content.error.code, `${key}: ${content.error.message}`);
  if (row) {
    const size = 'bytes' in content ? content.bytes.length : 0;
    return { key, size, etag: row.etag, className, container: row.table, place: row.index };
  }
  if ('object' in content) {
    const { where, size, etag, part } = content.object;
    return { key, size, etag, className, container: part ? where : '', place: part?.offset ?? 0 };
  }
  if (!('path' in content) || typeof content.path !== 'string') {
    const problem = 'path' in content ? 'its name is not UTF-8; rename it'
      : 'address' in content ? 'a picture of the web is not listed; download it and give its file'
      : 'a picture on stdin cannot be read again; give files'; // prettier-ignore
    throw new AppError('USAGE', `${key}: ${problem}`);
  }
  const { path: file, part } = content;
  const missing = (problem: string, cause?: unknown) => new AppError('INPUT_NOT_FOUND', `${file}: ${problem}`, { cause }); // prettier-ignore
  const found = await disk.find(file).catch((error: unknown) => {
    throw missing(messageOf(error), error);
  });
  if (!found) throw missing('no such file');
  const { size, etag } = found;
  if (!part) return { key, size, etag, className, container: '', place: 0 };
  return { key, size: part.bytes, etag, className, container: file, place: part.offset };
}
