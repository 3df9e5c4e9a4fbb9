// parquet.ts: finished rows and their manifest -> one parquet file, a row group at a time. The file appears whole or not at all.

import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { openNpy } from '../formats/npy.ts';
import type { NpyDtype } from '../formats/npy-header.ts';
import {
  textColumn,
  wholeColumn,
  type ParquetColumn,
  type ParquetElement,
} from '../formats/sealed-parquet.ts';
import { AppError } from '../util/errors.ts';
import { writeFileAside } from '../util/files.ts';
import { elementCount, type Shape } from '../util/shape.ts';
import { grouped } from '../util/streams.ts';

/** Numbers in a row group, which is held in memory. */
const GROUP_NUMBERS = 2 ** 21;

export interface ParquetSource {
  /** The rows as .npy, and the manifest beside them. */
  readonly work: string;
  readonly manifest: string;
  readonly dtype: NpyDtype;
  /** A shape longer than `[D]` is kept as the file's key-value `shape`; the column is a flat list. */
  readonly rowShape: Shape;
}

/** A picture's row in a table of features. */
export interface TableRow {
  readonly row: number;
  readonly file: string;
  /** Empty where the picture came from no class folder. */
  readonly className: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly numbers: Float32Array;
}

/** How many rows make a row group. */
export const groupRowsOf = (rowShape: Shape) =>
  Math.max(1, Math.floor(GROUP_NUMBERS / elementCount(rowShape)));

export function featureSchema(dtype: NpyDtype): ParquetElement[] {
  const number: ParquetElement =
    dtype === 'float32'
      ? { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' }
      : {
          name: 'element',
          type: 'FIXED_LEN_BYTE_ARRAY',
          type_length: 2,
          logical_type: { type: 'FLOAT16' },
          repetition_type: 'REQUIRED',
        };
  return [
    { name: 'root', num_children: 7 },
    wholeColumn('row', 'INT64'),
    textColumn('file'),
    textColumn('class'),
    textColumn('sha256'),
    wholeColumn('width', 'INT32'),
    wholeColumn('height', 'INT32'),
    { name: 'features', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    number,
  ];
}

/** @throws AppError WRITE_FAILED */
export async function writeParquet(
  file: string,
  { work, manifest, dtype, rowShape }: ParquetSource,
): Promise<void> {
  const rows = await openNpy(work);
  const numbers = elementCount(rowShape);
  const groupRows = groupRowsOf(rowShape);
  try {
    await writeFileAside(file, async (handle) => {
      const writer = new ByteWriter();
      const flush = async () => {
        await handle.writeFile(new Uint8Array(writer.buffer, 0, writer.index));
        writer.index = 0;
      };
      const parquet = new ParquetWriter({
        writer,
        schema: featureSchema(dtype),
        kvMetadata: [{ key: 'shape', value: rowShape.join(',') }],
      });
      let from = 0;
      for await (const group of grouped(manifestRows(manifest), groupRows)) {
        const values = await rows.read(from, group.length);
        const table = group.map((record, i) =>
          tableRow(record, values.subarray(i * numbers, (i + 1) * numbers)),
        );
        await parquet.write({ columnData: featureColumns(table), rowGroupSize: group.length });
        from += group.length;
        await flush();
      }
      if (from !== rows.count) {
        throw new AppError('FILE_INVALID', `${manifest} has ${from} rows, ${work} has ${rows.count}`);
      }
      await parquet.finish();
      await flush();
    });
  } finally {
    await rows.close();
  }
}

function tableRow(
  [row, file, className, sha256, width, height]: readonly string[],
  numbers: Float32Array,
): TableRow {
  return {
    row: Number(row),
    file: file!,
    className: className!,
    sha256: sha256!,
    width: Number(width),
    height: Number(height),
    numbers,
  };
}

/** The columns of a row group. */
export function featureColumns(rows: readonly TableRow[]): ParquetColumn[] {
  return [
    { name: 'row', data: rows.map(({ row }) => BigInt(row)) },
    { name: 'file', data: rows.map(({ file }) => file) },
    { name: 'class', data: rows.map(({ className }) => className) },
    { name: 'sha256', data: rows.map(({ sha256 }) => sha256) },
    { name: 'width', data: rows.map(({ width }) => width) },
    { name: 'height', data: rows.map(({ height }) => height) },
    { name: 'features', data: rows.map(({ numbers }) => Array.from(numbers)) },
  ];
}

function manifestRows(manifest: string): AsyncIterable<readonly string[]> {
  return createReadStream(manifest).pipe(parse({ fromLine: 2 }));
}
