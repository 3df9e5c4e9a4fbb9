// safetensors: round trips, and headers that lie.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import { DTYPE_BYTES, type Dtype, type RawTensor } from '../../src/formats/tensor-file.ts';
import { AppError } from '../../src/util/errors.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-safetensors-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const tensor: fc.Arbitrary<RawTensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(DTYPE_BYTES) as Dtype[])),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  )
  .chain(([dtype, shape]) => {
    const length = shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype];
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });

test('what is written is read', async () => {
  const file = path.join(scratch, 'round-trip');
  const entries = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), tensor), {
    selector: ([name]) => name,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(entries, fc.dictionary(fc.string(), fc.string()), async (list, metadata) => {
      fc.pre(!list.some(([name]) => name === '__metadata__'));
      await writeSafetensors(file, new Map(list), metadata);
      const result = await readSafetensors(file);
      assert.deepEqual({ ...result.metadata }, { ...metadata });
      assert.equal(result.tensors.size, list.length);
      for (const [name, { dtype, shape, bytes }] of list) {
        const read = result.tensors.get(name)!;
        assert.deepEqual(
          [read.dtype, read.shape, Buffer.from(read.bytes)],
          [dtype, shape, Buffer.from(bytes)],
        );
      }
    }),
    { numRuns: 60 },
  );
});

async function refused(header: unknown, data: Uint8Array, message: RegExp, raw?: string): Promise<void> {
  const text = Buffer.from(raw ?? JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = path.join(scratch, 'lie');
  await writeFile(file, Buffer.concat([length, text, data]));
  await assert.rejects(readSafetensors(file), (error) => {
    assert.ok(error instanceof AppError && error.code === 'FILE_INVALID', String(error));
    assert.match(error.message, message);
    return true;
  });
}

const eight = new Uint8Array(8);
const entry = (begin: number, end: number, shape = [2], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

test('a header that lies is refused', async () => {
  await refused({ a: entry(0, 16, [4]) }, eight, /promises 16 bytes of tensors and has 8/);
  await refused({ a: entry(0, 8), b: entry(4, 8, [1]) }, eight, /begins at byte 4 of the data, expected 8/);
  await refused({ a: entry(4, 8, [1]) }, eight, /begins at byte 4 of the data, expected 0/);
  await refused({ a: entry(0, 4, [1]) }, eight, /promises 4 bytes of tensors and has 8/);
  await refused({ a: entry(0, 8, [3]) }, eight, /takes 8 bytes; float32 \[3\] needs 12/);
  await refused({ a: entry(0, 8, [2 ** 40, 2 ** 40]) }, eight, /needs/);
  await refused({ a: entry(0, 8, [-2]) }, eight, /impossible shape/);
  await refused({ a: entry(0, 8, [1.5]) }, eight, /impossible shape/);
  await refused({ a: entry(8, 0) }, eight, /impossible offsets/);
  await refused({ a: entry(0, 8, [2], 'F31') }, eight, /is of type "F31"/);
  await refused({ a: null }, eight, /is of type/);
  await refused([], eight, /no object/);
  await refused(undefined, eight, /not JSON/, '{"a"');
});

test('a header longer than the file, and a file shorter than a header', async () => {
  const file = path.join(scratch, 'short');
  await writeFile(file, Buffer.from([255, 255, 255, 255, 255, 255, 255, 127, 0x7b]));
  await assert.rejects(readSafetensors(file), /says its header has/);
  await writeFile(file, Buffer.from([1, 2, 3]));
  await assert.rejects(readSafetensors(file), /has 3 bytes/);
});

test('cut short or with bytes flipped, it reads or it is our error', async () => {
  const whole = path.join(scratch, 'whole');
  await writeSafetensors(
    whole,
    new Map([['weight', { dtype: 'float32', shape: [2, 3], bytes: new Uint8Array(24) }]]),
  );
  const bytes = await readFile(whole);
  const file = path.join(scratch, 'damaged');
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: bytes.length - 1 }),
      fc.nat({ max: 255 }),
      fc.boolean(),
      async (at, value, cut) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        await writeFile(file, cut ? bytes.subarray(0, at) : damaged);
        await readSafetensors(file).catch((error: unknown) =>
          assert.ok(error instanceof AppError, String(error)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('a failed write leaves nothing behind', async () => {
  const nowhere = path.join(scratch, 'no-such-folder', 'file');
  await assert.rejects(writeSafetensors(nowhere, new Map()), /its folder does not exist/);
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.endsWith('.tmp')),
    [],
  );
});
