// sealed-parquet.ts: writes parquet files that carry a hash of all their bytes, their seal, so that a damaged one is told from a whole one
// without reading what is in it. The same rows and facts give the same bytes.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { placeOf, type WriteOptions } from '../objects/place.ts';

/** A column's place in the schema, in the words of the parquet format. */
export type ParquetElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

export interface ParquetColumn {
  readonly name: string;
  readonly data: unknown[];
  /** `UNCOMPRESSED` where bytes do not repeat and looking for them takes longer than all else; Snappy by default. */
  readonly codec?: 'UNCOMPRESSED';
  /**
   * Whether its least and its greatest value are told; true by default. They are kept until the file is finished, and with them
   * the bytes that `encodedTexts` has them in.
   */
  readonly statistics?: boolean;
}

/** Texts as the bytes that a column of them is written as, encoded together: one by one takes several times as long. */
export function encodedTexts(texts: readonly string[]): Uint8Array[] {
  const all = texts.join('');
  const bytes = Buffer.from(all);
  // Where every character is one byte, a text is as long as its bytes are.
  if (bytes.length !== all.length) return texts.map((text) => Buffer.from(text));
  let end = 0;
  return texts.map((text) => bytes.subarray(end, (end += text.length)));
}

/** The key of the seal among the file's own facts. The seal is computed with zeros in its place. */
export const SEAL_KEY = 'finch.seal';
export const NO_SEAL = '0'.repeat(64);

/** Text that is always there. */
export const textColumn = (name: string): ParquetElement => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' }); // prettier-ignore
/** A whole number that is always there. */
export const wholeColumn = (name: string, type: 'INT32' | 'INT64'): ParquetElement => ({ name, type, repetition_type: 'REQUIRED' }); // prettier-ignore

/** Writes a row group. */
export type WriteGroup = (columns: readonly ParquetColumn[]) => Promise<void>;

/**
 * Writes a file or an object whole or not at all.
 * @param fill is given a function that writes a row group, and returns the facts about all of them: the file's key-value metadata
 * @returns false where the name was there already and was left. @throws AppError WRITE_FAILED
 */
export async function writeSealedParquet(
  file: string,
  schema: readonly ParquetElement[],
  fill: (writeGroup: WriteGroup) => Promise<Readonly<Record<string, string>>>,
  options: WriteOptions,
): Promise<boolean> {
  const place = await placeOf(file);
  const write = async (handle: FileHandle) => {
    const hash = createHash('sha256');
    const writer = new ByteWriter();
    const written = () => {
      const bytes = Buffer.from(writer.buffer, 0, writer.index);
      writer.index = 0;
      return bytes;
    };
    const kvMetadata = [{ key: SEAL_KEY, value: NO_SEAL }];
    const parquet = new ParquetWriter({ writer, schema: [...schema], kvMetadata });
    const facts = await fill(async (columns) => {
      await parquet.write({ columnData: [...columns] as never, rowGroupSize: columns[0]!.data.length });
      const bytes = written();
      hash.update(bytes);
      await handle.writeFile(bytes);
    });
    for (const [key, value] of Object.entries(facts)) kvMetadata.push({ key, value });
    await parquet.finish();
    const end = written();
    const seal = hash.update(end).digest('hex');
    end.write(seal, sealPlace(end, NO_SEAL), 'latin1');
    await handle.writeFile(end);
  };
  return place.write(file, write, options);
}

/** Thrift's bytes between a key and its value of 64 characters. */
const BETWEEN = '\x18\x40';

/** Where the seal stands in the end of a file; -1 where it does not. */
export function sealPlace(end: Buffer, seal: string): number {
  const before = SEAL_KEY + BETWEEN;
  const found = end.indexOf(before + seal, undefined, 'latin1');
  return found < 0 ? -1 : found + before.length;
}
