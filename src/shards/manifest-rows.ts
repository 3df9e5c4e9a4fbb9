// manifest-rows.ts: what a manifest holds: its columns, and the facts about all of them. Opens nothing.

import * as z from 'zod';
import { encodedTexts, textColumn, wholeColumn, type ParquetColumn } from '../formats/sealed-parquet.ts';

/** Raised when a reader of the former layout would misread the new one. */
export const MANIFEST_VERSION = 1;
/** Where the facts stand in the file's own metadata. */
export const FACTS_KEY = 'finch.manifest';

/** Rows of a row group: what is read to find the rows of one shard. */
export const GROUP_ROWS = 2 ** 14;

/** A picture of the manifest. */
export interface ManifestRow {
  /** The name that the user knows: a path, `s3://bucket/key`, `archive.tar/000123.jpg`, or `table.parquet/7`. */
  readonly key: string;
  /** Of the picture, in bytes. */
  readonly size: number;
  /** Of its file: another one means that the file was changed. */
  readonly etag: string;
  /** Its class; empty where it came from no class folder, and where nothing says it. */
  readonly className: string;
  /** The archive or table that it lies in; empty for a file of its own. */
  readonly container: string;
  /** Where it lies there: the first byte in an archive, the row in a table. */
  readonly place: number;
}

export const MANIFEST_SCHEMA = [
  { name: 'root', num_children: 6 },
  textColumn('key'),
  wholeColumn('size', 'INT64'),
  textColumn('etag'),
  textColumn('class'),
  textColumn('container'),
  wholeColumn('place', 'INT64'),
];
export const MANIFEST_COLUMNS = MANIFEST_SCHEMA.slice(1).map(({ name }) => name);

export const MANIFEST_FACTS = z.object({
  version: z.literal(MANIFEST_VERSION),
  /** Pictures in a shard. */
  size: z.int().positive(),
});

/** A row as it is stored. */
export const STORED_ROW = z.object({
  key: z.string(),
  size: z.bigint(),
  etag: z.string(),
  class: z.string(),
  container: z.string(),
  place: z.bigint(),
});

const RANDOM_DIGITS = /^"[0-9a-f]{32}/;

/** Rows, one at least -> the columns of a row group. */
export function manifestColumns(rows: readonly ManifestRow[]): readonly ParquetColumn[] {
  // Snappy would look for what repeats in the random digits of a bucket's etags.
  const isRandom = RANDOM_DIGITS.test(rows[0]!.etag);
  return [
    { name: 'key', data: encodedTexts(rows.map(({ key }) => key)), statistics: false },
    { name: 'size', data: rows.map(({ size }) => BigInt(size)) },
    {
      name: 'etag',
      data: encodedTexts(rows.map(({ etag }) => etag)),
      ...(isRandom && { codec: 'UNCOMPRESSED' }),
      statistics: false,
    },
    { name: 'class', data: rows.map(({ className }) => className) },
    { name: 'container', data: rows.map(({ container }) => container) },
    { name: 'place', data: rows.map(({ place }) => BigInt(place)) },
  ];
}
