// parquet-file.ts: reads parquet files, a row group at a time, within limits. Foreign ones too: whatever is wrong is one line.

import { createHash } from 'node:crypto';
import {
  parquetMetadata,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { openBytes, type OpenedBytes } from '../objects/place.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { oneArray } from '../util/one-array.ts';
import { quoted } from '../util/quoted.ts';
import { plainNumbers } from './parquet-numbers.ts';
import { checkThrift } from './thrift.ts';
import { NO_SEAL, SEAL_KEY, sealPlace } from './sealed-parquet.ts';

/** The list of a file's row groups, which is read whole: 100 bytes a column of each group. */
const MAX_FOOTER_BYTES = 128 * 1024 ** 2;
/** A row group is held in memory, compressed and not. Writers make them of a megabyte to some hundred. */
const MAX_GROUP_BYTES = 2 ** 30;
const MAX_GROUP_ROWS = 2 ** 24;

export interface RowGroupExtent {
  /** The first row, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

export interface ParquetFile {
  readonly file: string;
  /** Tells the file from what it was at another time. */
  readonly etag: string;
  readonly rows: number;
  readonly groups: readonly RowGroupExtent[];
  /** The columns, and what they are made of. */
  readonly columns: readonly SchemaTree[];
  /** The file's own key-value metadata. */
  readonly facts: ReadonlyMap<string, string>;
  /** The rows `from` … `to - 1` as objects; bytes are not taken for text. @throws AppError FILE_INVALID */
  read(
    range: RowGroupExtent,
    columns: readonly string[],
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /**
   * The numbers of a column of lists in one row group, row by row, one behind the other. Lists of float32 or float16 that finch wrote are
   * read ten times as fast as by `read`. @throws AppError FILE_INVALID
   */
  numbers(group: RowGroupExtent, column: string): Promise<Float32Array>;
  /** Whether all bytes are as they were sealed; false where there is no seal. */
  isWhole(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Reads in this thread: for files that finch has just written. Those of others are read through foreign-parquet.ts.
 * @param file a path, or the address of an object. @throws AppError FILE_INVALID when it is not there, or no parquet file that can be read
 */
export async function openParquet(file: string): Promise<ParquetFile> {
  const opened = await openBytes(file);
  try {
    return await parquetOf(opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What a reader of foreign bytes throws is about the bytes. */
function invalid(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('FILE_INVALID', `${file} is no parquet file that can be read: ${quoted(messageOf(error))}`, { cause: error }); // prettier-ignore
}

async function parquetOf(opened: OpenedBytes): Promise<ParquetFile> {
  const { where: file, size } = opened;
  const bytes: AsyncBuffer = {
    byteLength: size,
    async slice(start, end = size) {
      const isInside = start >= 0 && start <= end && end <= size;
      if (!isInside || end - start > MAX_GROUP_BYTES) throw new Error(`bytes ${start} to ${end} of ${size} were asked for`); // prettier-ignore
      const target = new Uint8Array(end - start);
      await opened.read(target, start);
      return target.buffer;
    },
  };
  const { metadata, groups, columns, facts } = contentsOf(await readFooter(opened), file);
  const read: ParquetFile['read'] = async ({ from, to }, names) => {
    checkGroups(metadata, { groups, from, to, names, file });
    return parquetReadObjects({
      file: bytes,
      metadata,
      columns: [...names],
      rowStart: from,
      rowEnd: to,
      utf8: false,
      compressors,
    }).catch((error: unknown) => {
      throw invalid(file, error);
    });
  };
  return {
    file,
    etag: opened.etag,
    rows: groups.at(-1)?.to ?? 0,
    groups,
    columns,
    facts,
    read,
    async numbers(group, column) {
      checkGroups(metadata, { groups, ...group, names: [column], file });
      const at = groups.findIndex(({ from, to }) => from === group.from && to === group.to);
      const chunk = metadata.row_groups[at]?.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column)?.meta_data; // prettier-ignore
      try {
        if (chunk && chunk.dictionary_page_offset === undefined) {
          const start = Number(chunk.data_page_offset);
          const pages = new Uint8Array(await bytes.slice(start, start + Number(chunk.total_compressed_size)));
          const plain = plainNumbers(pages, chunk, MAX_GROUP_BYTES);
          if (plain) return plain;
        }
        return joinedRows(await read(group, [column]), column);
      } catch (error) {
        throw invalid(file, error);
      }
    },
    isWhole: () => isSealed(opened, { seal: facts.get(SEAL_KEY), endBytes: metadata.metadata_length + 8 }),
    close: () => opened.close(),
  };
}

/** The list of what is in the file, and the eight bytes behind it. @throws AppError FILE_INVALID for what does not end as a parquet file does */
async function readFooter({ where: file, size, read }: OpenedBytes): Promise<Uint8Array> {
  const end = Buffer.alloc(8);
  if (size >= 12) await read(end, size - 8);
  if (end.toString('latin1', 4) !== 'PAR1') {
    throw new AppError(
      'FILE_INVALID',
      `${file} is no parquet file, or was cut short: it does not end as one`,
    );
  }
  const length = end.readUInt32LE(0);
  if (length <= Math.min(MAX_FOOTER_BYTES, size - 12)) {
    const list = new Uint8Array(length);
    await read(list, size - 8 - length);
    return Buffer.concat([list, end]);
  }
  throw new AppError('FILE_INVALID', `${file} says that it ends in a list of ${length} bytes, expected at most ${Math.min(MAX_FOOTER_BYTES, size - 12)}`); // prettier-ignore
}

function extentsOf({ row_groups }: FileMetaData, file: string): readonly RowGroupExtent[] {
  let from = 0;
  return row_groups.map(({ num_rows }) => {
    const rows = Number(num_rows);
    if (!(rows >= 0 && rows <= MAX_GROUP_ROWS)) {
      throw new AppError('FILE_INVALID', `${file} has a row group of ${rows} rows, expected at most ${MAX_GROUP_ROWS}`); // prettier-ignore
    }
    const extent = { from, to: from + rows };
    from = extent.to;
    return extent;
  });
}

/** What the list at the end says. Its reader checks no kinds, so that any part of it may be something else. */
function contentsOf(footer: Uint8Array, file: string) {
  try {
    checkThrift(footer.subarray(0, -8));
    const metadata = parquetMetadata(footer);
    return {
      metadata,
      groups: extentsOf(metadata, file),
      columns: parquetSchema(metadata).children,
      facts: new Map((metadata.key_value_metadata ?? []).map(({ key, value = '' }) => [key, value])),
    };
  } catch (error) {
    throw invalid(file, error);
  }
}

/** @throws Error where a row has something else than numbers */
function joinedRows(rows: readonly Readonly<Record<string, unknown>>[], column: string): Float32Array {
  const lists = rows.map((row) => row[column]);
  const isNumbers = (list: unknown): list is readonly number[] => Array.isArray(list) && list.every((value) => typeof value === 'number'); // prettier-ignore
  if (!lists.every(isNumbers)) throw new Error(`its column ${column} has no lists of numbers`);
  return oneArray(lists);
}

interface Asked extends RowGroupExtent {
  readonly groups: readonly RowGroupExtent[];
  readonly names: readonly string[];
  readonly file: string;
}

/** @throws AppError FILE_INVALID where a row group that is to be read takes too much memory */
function checkGroups({ row_groups }: FileMetaData, { groups, from, to, names, file }: Asked): void {
  for (const [i, { columns }] of row_groups.entries()) {
    const extent = groups[i]!;
    if (extent.to <= from || extent.from >= to) continue;
    let bytes = 0;
    for (const { meta_data } of columns) {
      if (!meta_data || !names.includes(meta_data.path_in_schema[0]!)) continue;
      bytes += Math.max(Number(meta_data.total_uncompressed_size), Number(meta_data.total_compressed_size));
    }
    if (bytes <= MAX_GROUP_BYTES) continue;
    throw new AppError('FILE_INVALID', `${file} has a row group of ${bytes} bytes, expected at most ${MAX_GROUP_BYTES}; write it with smaller row groups`); // prettier-ignore
  }
}

async function isSealed(
  { size, pieceBytes, read }: OpenedBytes,
  { seal, endBytes }: { readonly seal: string | undefined; readonly endBytes: number },
): Promise<boolean> {
  if (seal === undefined || !/^[0-9a-f]{64}$/.test(seal)) return false;
  const hash = createHash('sha256');
  const start = size - endBytes;
  for (let at = 0; at < start; at += pieceBytes) {
    const bytes = new Uint8Array(Math.min(pieceBytes, start - at));
    await read(bytes, at);
    hash.update(bytes);
  }
  const end = Buffer.alloc(endBytes);
  await read(end, start);
  const place = sealPlace(end, seal);
  if (place < 0) return false;
  end.write(NO_SEAL, place, 'latin1');
  return hash.update(end).digest('hex') === seal;
}
