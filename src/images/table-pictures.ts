// table-pictures.ts: the pictures in a parquet file, such as Hugging Face's datasets are made of: a column of bytes, or of {bytes, path}.
// A row group at a time is in memory.

import * as z from 'zod';
import { openForeignParquet } from '../formats/foreign-parquet.ts';
import type { ParquetFile, RowGroupExtent } from '../formats/parquet-file.ts';
import { AppError } from '../util/errors.ts';
import { parseJson } from '../util/json.ts';
import { quoted } from '../util/quoted.ts';
import type { PassedOver } from './passed-over.ts';
import type { ImageReference } from './source.ts';

/** Columns that are taken first, where there are several of bytes. */
const PICTURE_NAMES = ['image', 'img', 'picture', 'photo', 'jpg', 'png'];
const LABEL_NAMES: ReadonlySet<string> = new Set(['label', 'class', 'cls', 'labels', 'fine_label']);

/** @param signal stops the search, without an error */
export async function* tablePictures(
  file: string,
  signal?: AbortSignal,
  _passed?: PassedOver,
): AsyncGenerator<ImageReference, void, undefined> {
  let table: PictureTable | undefined;
  try {
    table = await openPictureTable(file);
    for (let index = 0; index < table.rows; index++) {
      if (signal?.aborted) return;
      yield await table.picture(index);
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    yield { file, content: { error } };
  } finally {
    await table?.close();
  }
}

interface RowsOptions {
  /** Else a table without a column of classes is a problem. */
  readonly mayLackClasses: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The rows of a table with their classes, without their pictures. @throws AppError FILE_INVALID */
export async function* tableRows(
  file: string,
  { mayLackClasses, signal }: RowsOptions,
): AsyncGenerator<ImageReference, void, undefined> {
  const parquet = await openForeignParquet(file);
  try {
    pictureColumn(parquet);
    const label = labelColumn(parquet);
    if (label === undefined && !mayLackClasses) throw new AppError('FILE_INVALID', `${file} has no column of classes, expected one of ${[...LABEL_NAMES].join(', ')}`); // prettier-ignore
    const names = label === undefined ? [] : classNames(parquet, label);
    const { etag } = parquet;
    for (const extent of parquet.groups) {
      const labels =
        label === undefined ? [] : (await parquet.read(extent, [label])).map((row) => row[label]);
      for (let index = extent.from; index < extent.to; index++) {
        if (signal?.aborted) return;
        yield { file: `${file}/${index}`, content: NOT_READ, row: { table: file, index, etag }, className: className(labels[index - extent.from], names) }; // prettier-ignore
      }
    }
  } finally {
    await parquet.close();
  }
}

/** In place of bytes that are read when they are wanted. */
const NOT_READ = { bytes: Buffer.alloc(0) };

export interface PictureTable {
  /** Tells the table from what it was at another time. */
  readonly etag: string;
  readonly rows: number;
  /** Rows are asked for in order, or else their group is read again. @throws AppError FILE_INVALID */
  picture(index: number): Promise<ImageReference>;
  close(): Promise<void>;
}

/** @throws AppError FILE_INVALID when no column holds bytes */
export async function openPictureTable(file: string): Promise<PictureTable> {
  const parquet = await openForeignParquet(file);
  try {
    const column = pictureColumn(parquet);
    const label = labelColumn(parquet);
    const names = label === undefined ? [] : classNames(parquet, label);
    let held: { readonly extent: RowGroupExtent; readonly rows: readonly Readonly<Record<string, unknown>>[] } | undefined; // prettier-ignore
    return {
      etag: parquet.etag,
      rows: parquet.rows,
      async picture(index) {
        if (!held || index < held.extent.from || index >= held.extent.to) {
          const extent = parquet.groups.find(({ from, to }) => index >= from && index < to);
          if (!extent) throw new AppError('FILE_INVALID', `${file} has ${parquet.rows} rows, and row ${index} was asked for`); // prettier-ignore
          held = undefined;
          held = {
            extent,
            rows: await parquet.read(extent, [column, ...(label === undefined ? [] : [label])]),
          };
        }
        const row = held.rows[index - held.extent.from] ?? {};
        return {
          file: `${file}/${index}`,
          content: contentOf(row[column]),
          row: { table: file, index, etag: parquet.etag },
          ...(label !== undefined && { className: className(row[label], names) }),
        };
      },
      close: () => parquet.close(),
    };
  } catch (error) {
    await parquet.close();
    throw error;
  }
}

type Column = ParquetFile['columns'][number];

const isBytes = ({ element, children }: Column): boolean =>
  children.length === 0 &&
  element.type === 'BYTE_ARRAY' &&
  element.converted_type === undefined &&
  element.logical_type === undefined;

function pictureColumn({ file, columns }: ParquetFile): string {
  const holds = columns.filter(
    (column) =>
      column.element.repetition_type !== 'REPEATED' &&
      (isBytes(column) || column.children.some((child) => child.element.name === 'bytes' && isBytes(child))),
  );
  const names = holds.map(({ element }) => element.name);
  const found = PICTURE_NAMES.find((name) => names.includes(name)) ?? names[0];
  if (found !== undefined) return found;
  const there = quoted(columns.map(({ element }) => element.name).join(', '));
  throw new AppError('FILE_INVALID', `${file} has no column of picture bytes, or of {bytes, path}; its columns are ${there}`); // prettier-ignore
}

const labelColumn = ({ columns }: ParquetFile) =>
  columns.find(({ element, children }) => LABEL_NAMES.has(element.name) && children.length === 0)?.element
    .name;

/** A copy, because what goes to a worker takes all that lies in the same memory with it. */
function contentOf(value: unknown): ImageReference['content'] {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
  if (bytes instanceof Uint8Array && bytes.length > 0) return { bytes: Buffer.from(bytes) };
  return { error: new AppError('IMAGE_UNREADABLE', 'this row of the table has no picture bytes; a path alone is not followed') }; // prettier-ignore
}

function className(value: unknown, names: readonly string[]): string {
  if (typeof value === 'string' || typeof value === 'boolean') return `${value}`;
  if (typeof value !== 'bigint' && typeof value !== 'number') return '';
  // Hugging Face's -1 is that of pictures whose classes are kept secret.
  return names[Number(value)] ?? (names.length > 0 && value < 0 ? '' : `${value}`);
}

const HUGGING_FACE = z.object({
  info: z.object({ features: z.record(z.string(), z.unknown()) }),
});
const CLASS_LABEL = z.object({ names: z.array(z.string()) });

/** The names of the classes, where Hugging Face's description of the table has them. */
function classNames({ file, facts }: ParquetFile, label: string): readonly string[] {
  const described = facts.get('huggingface');
  if (described === undefined) return [];
  try {
    const { info } = HUGGING_FACE.parse(parseJson(described, { what: file }));
    return CLASS_LABEL.parse(info.features[label]).names;
  } catch {
    // Another description, or a label without names: the numbers stay.
    return [];
  }
}
