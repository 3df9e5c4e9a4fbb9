// parquet.ts: tables whose end, the list of what is where, is not what it was. Rows of foreign tables are read in a thread with limits; the
// list is read without one.

import assert from 'node:assert/strict';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { openParquet } from '../../../src/formats/parquet-file.ts';
import type { FuzzTarget } from '../cases.ts';
import { damaged, pick } from '../mutate.ts';
import { scratchFile } from '../scratch.ts';

const SOUND = [
  parquetWriteBuffer({
    columnData: [
      { name: 'image', data: [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4)], type: 'BYTE_ARRAY' },
      { name: 'label', data: [1n, 0n, 2n], type: 'INT64' },
    ],
    rowGroupSize: 2,
    kvMetadata: [{ key: 'huggingface', value: '{"info":{"features":{}}}' }],
  }),
  parquetWriteBuffer({ columnData: [{ name: 'file', data: ['a', 'b', 'c'], type: 'STRING' }] }),
].map((bytes) => Buffer.from(bytes));

const parquet: FuzzTarget = (rng) => {
  const sound = pick(rng, SOUND);
  const start = sound.length - 8 - sound.readUInt32LE(sound.length - 8);
  // Where the list says which it is, it is changed; at times the number of its bytes too.
  const list = damaged(sound.subarray(start, -8), rng, 1 + rng.integer(3));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(
    rng.chance(0.9) ? list.length : pick(rng, [0, 1, 4, list.length + 1, 2 ** 31, 2 ** 32 - 1]),
  );
  const bytes = Buffer.concat([sound.subarray(0, start), list, length, sound.subarray(-4)]);
  return {
    bytes: bytes.length,
    read: async () => {
      const table = await openParquet(scratchFile('case.parquet', bytes));
      try {
        for (const { from, to } of table.groups) assert.ok(from <= to && to <= table.rows);
        await table.isWhole();
      } finally {
        await table.close();
      }
    },
  };
};

export default parquet;
