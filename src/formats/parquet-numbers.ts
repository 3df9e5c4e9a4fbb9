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
 * @param chunk its bytes, from its first page on. @param maxBytes of all numbers together
 * @returns undefined where the pages are written in another way than finch writes numbers that rarely repeat
 * @throws Error, whose message says why, where a page is not what its header says
 */
export function plainNumbers(
  chunk: Uint8Array,
  { codec, type, num_values }: Pick<ColumnMetaData, 'codec' | 'type' | 'num_values'>,
  maxBytes: number,
): Float32Array | undefined {
  const width = WIDTHS[type];
  const count = Number(num_values);
  if (width === undefined) return undefined;
  if (!(count >= 0 && count * width <= Math.min(maxBytes, chunk.length * MAX_RATIO))) return undefined;
  const numbers = new Float32Array(count);
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  for (let filled = 0; filled < count;) {
    const { type: kind, data_page_header_v2: page, compressed_page_size, uncompressed_page_size } = parquetHeader(reader); // prettier-ignore
    if (kind !== 'DATA_PAGE_V2' || page?.encoding !== 'PLAIN' || page.num_nulls !== 0) return undefined;
    const { num_values: own, repetition_levels_byte_length: repeats, definition_levels_byte_length: defined } = page; // prettier-ignore
    const levels = repeats + defined;
    const bytes = uncompressed_page_size - levels;
    const end = reader.offset + compressed_page_size;
    const isSound =
      own > 0 &&
      filled + own <= count &&
      bytes === own * width &&
      repeats >= 0 &&
      defined >= 0 &&
      compressed_page_size >= levels &&
      end <= chunk.length;
    if (!isSound) throw new Error(FALSE_PAGE);
    const content = chunk.subarray(reader.offset + levels, end);
    const plain = page.is_compressed === false ? content : decompressPage(content, bytes, codec, compressors);
    if (plain.length !== bytes) throw new Error(FALSE_PAGE);
    numbers.set(asNumbers(plain, width), filled);
    filled += own;
    reader.offset = end;
  }
  return numbers;
}

/** Snappy makes bytes at most 21 times as short; more is no file that was compressed. */
const MAX_RATIO = 64;

const FALSE_PAGE = 'a page of numbers is not what it says';

function asNumbers(plain: Uint8Array, width: number): Float32Array {
  const own = plain.slice().buffer;
  return width === 2 ? float16ToFloat32(new Uint16Array(own)) : new Float32Array(own);
}
