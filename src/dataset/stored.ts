// stored.ts: pictures that are no files of their own: parts of an archive, objects of a bucket, rows of a table. Where their bytes are.

import { readContent, readPicture } from '../images/prepare.ts';
import type { FilePart, ImageReference, StoredObject, TableRow } from '../images/source.ts';
import { openPictureTable, type PictureTable } from '../images/table-pictures.ts';
import { AppError, type ErrorCode } from '../util/errors.ts';
import type { Sample } from './dataset.ts';
import type { SplitName } from './split-names.ts';

export type StoredPicture =
  | {
      /** An archive on the disk. */
      readonly file: string;
      readonly part: FilePart;
      /** Tells the bytes from all others, where the file's own times do not. */
      readonly etag?: string;
    }
  | { readonly object: StoredObject }
  | { readonly row: TableRow }
  /** It cannot be read; plain data, because it goes to threads. */
  | { readonly problem: { readonly code: ErrorCode; readonly message: string } };

/** A picture of an archive or a bucket, before it is known what its folders mean. */
export interface FoundPicture {
  /** The name for the user: relative to the dataset. */
  readonly file: string;
  readonly stored: StoredPicture;
  /** The folders around it, the outermost first, that of its archive's part among them. */
  readonly folders: readonly string[];
  /** The part that its archive is. */
  readonly split?: SplitName;
  /** The class that an archive or a table says it has; its folder, where it says none. */
  readonly className?: string;
}

/** What is needed of a sample to read it. */
export type Readable = Pick<Sample, 'path' | 'stored'>;

/** @throws AppError and system errors, as `readPicture` does */
export async function bytesOf({ path, stored }: Readable): Promise<Buffer> {
  if (!stored) return readPicture(path);
  if (!('row' in stored)) return readContent(contentOf(stored));
  const tables = openTables();
  return tables.bytes(stored.row).finally(() => tables.close());
}

/** The same as a reference has it. */
export function contentOf(
  stored: Exclude<StoredPicture, { readonly row: unknown }>,
): ImageReference['content'] {
  if ('problem' in stored) return { error: new AppError(stored.problem.code, stored.problem.message) };
  return 'object' in stored ? { object: stored.object } : { path: stored.file, part: stored.part };
}

/** The tables that rows are read of, one behind the other: one is open at a time, so that rows should come in their order. */
export interface OpenTables {
  /** @throws AppError INPUT_CHANGED, FILE_INVALID, IMAGE_UNREADABLE, DOWNLOAD_FAILED */
  bytes(row: TableRow): Promise<Buffer>;
  close(): Promise<void>;
}

export function openTables(): OpenTables {
  let open: { readonly name: string; readonly table: PictureTable } | undefined;
  let before: Promise<unknown> = Promise.resolve();
  const close = async () => {
    await open?.table.close();
    open = undefined;
  };
  const read = async ({ table, index, etag }: TableRow) => {
    if (open?.name !== table) {
      await close();
      open = { name: table, table: await openPictureTable(table) };
    }
    if (open.table.etag !== etag) throw new AppError('INPUT_CHANGED', 'the table was changed since it was looked through'); // prettier-ignore
    return readContent((await open.table.picture(index)).content);
  };
  return {
    bytes(row) {
      const reading = before.then(() => read(row));
      before = reading.catch(() => {});
      return reading;
    },
    close: () => before.then(close),
  };
}

/** The file on the disk that a sample is read from; undefined for one of a bucket, and for one that cannot be read. */
export function fileOf({ path, stored }: Readable): string | undefined {
  if (!stored) return path;
  if ('part' in stored) return stored.file;
  return 'row' in stored ? stored.row.table : undefined;
}
