// parquet.ts: finished rows and their manifest -> one parquet file, a row group at a time. The file appears whole or not at all.

import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { openNpy, type NpyDtype } from '../formats/npy.ts';
import { AppError } from '../util/errors.ts';
import { writeFileAside } from '../util/files.ts';
import { elementCount, type Shape } from '../util/shape.ts';

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

type Element = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

function schemaOf(dtype: NpyDtype): Element[] {
  const text = (name: string): Element => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }); // prettier-ignore
  const whole = (name: string, type: 'INT32' | 'INT64'): Element => ({ name, type, repetition_type: 'REQUIRED' }); // prettier-ignore
  const number: Element =
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
    whole('row', 'INT64'),
    text('file'),
    text('class'),
    text('sha256'),
    whole('width', 'INT32'),
    whole('height', 'INT32'),
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
  const groupRows = Math.max(1, Math.floor(GROUP_NUMBERS / numbers));
  try {
    await writeFileAside(file, async (handle) => {
      const writer = new ByteWriter();
      const flush = async () => {
        await handle.writeFile(new Uint8Array(writer.buffer, 0, writer.index));
        writer.index = 0;
      };
      const parquet = new ParquetWriter({
        writer,
        schema: schemaOf(dtype),
        kvMetadata: [{ key: 'shape', value: rowShape.join(',') }],
      });
      let from = 0;
      for await (const group of grouped(manifestRows(manifest), groupRows)) {
        const values = await rows.read(from, group.length);
        await parquet.write({ columnData: columns(group, values, numbers), rowGroupSize: group.length });
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

function columns(group: readonly (readonly string[])[], values: Float32Array, numbers: number) {
  const texts = (column: number) => group.map((record) => record[column]!);
  const features = group.map((_, i) => Array.from(values.subarray(i * numbers, (i + 1) * numbers)));
  return [
    { name: 'row', data: group.map(([row]) => BigInt(row!)) },
    { name: 'file', data: texts(1) },
    { name: 'class', data: texts(2) },
    { name: 'sha256', data: texts(3) },
    { name: 'width', data: texts(4).map(Number) },
    { name: 'height', data: texts(5).map(Number) },
    { name: 'features', data: features },
  ];
}

function manifestRows(manifest: string): AsyncIterable<readonly string[]> {
  return createReadStream(manifest).pipe(parse({ fromLine: 2 }));
}

async function* grouped<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
