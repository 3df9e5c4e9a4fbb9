// parquet-numbers.ts: the numbers of a column of lists of floats, taken out of a row group's pages as they lie there. Reading them as
// lists of rows takes ten times as long. Opens nothing.

import type { ColumnMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { float16ToFloat32 } from '../util/float16.ts';

/** Bytes of a number, by the type that the column has. */
const WIDTHS: Readonly<Record<string, number>> = { FLOAT: 4, FIXED_LEN_BYTE_ARRAY: 2 };

/**
 * All numbers of a column chunk, one behind the other. How they are divided into rows is not looked at.
 * @param chunk its bytes, from its first page on
 * @returns undefined where the pages are written in another way than finch writes numbers that rarely repeat
 * @throws Error, whose message says why, where a page is not what its header says
 */
export function plainNumbers(
  chunk: Uint8Array,
  { codec, type, num_values }: Pick<ColumnMetaData, 'codec' | 'type' | 'num_values'>,
): Float32Array | undefined {
  const width = WIDTHS[type];
  const count = Number(num_values);
  if (width === undefined || !(count >= 0 && count * width <= chunk.length * MAX_RATIO)) return undefined;
  const numbers = new Float32Array(count);
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  for (let filled = 0; filled < count;) {
    const { type: kind, data_page_header_v2: page, compressed_page_size, uncompressed_page_size } = parquetHeader(reader); // prettier-ignore
    if (kind !== 'DATA_PAGE_V2' || page?.encoding !== 'PLAIN' || page.num_nulls !== 0) return undefined;
    const levels = page.repetition_levels_byte_length + page.definition_levels_byte_length;
    const bytes = uncompressed_page_size - levels;
    const end = reader.offset + compressed_page_size;
    const isSound =
      page.num_values > 0 && bytes === page.num_values * width && filled + page.num_values <= count;
    if (!isSound || !(levels >= 0) || end > chunk.length)
      throw new Error('a page of numbers is not what it says');
    const content = chunk.subarray(reader.offset + levels, end);
    const plain = page.is_compressed === false ? content : decompressPage(content, bytes, codec, compressors);
    numbers.set(asNumbers(plain, bytes, width), filled);
    filled += page.num_values;
    reader.offset = end;
  }
  return numbers;
}

/** Snappy makes bytes at most 21 times as short; more is no file that was compressed. */
const MAX_RATIO = 64;

function asNumbers(plain: Uint8Array, bytes: number, width: number): Float32Array {
  const own = plain.slice(0, bytes).buffer;
  return width === 2 ? float16ToFloat32(new Uint16Array(own)) : new Float32Array(own);
}
