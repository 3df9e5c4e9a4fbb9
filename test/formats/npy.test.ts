// .npy files: what is written is read back, and nothing else is taken for one.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { NPY_HEADER_BYTES, npyBytes, npyHeader, openNpy } from '../../src/formats/npy.ts';
import { NPY_DTYPES } from '../../src/formats/npy-header.ts';
import { AppError } from '../../src/util/errors.ts';
import { elementCount } from '../../src/util/shape.ts';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'finch-npy-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

const rejects = (promise: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(promise, (error) => error instanceof AppError && pattern.test(error.message));

describe('.npy', () => {
  test('rows come back, of any shape and type', async () => {
    const file = path.join(scratch, 'round.npy');
    const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(6), fc.constantFrom(...NPY_DTYPES), async (rowShape, count, dtype) => {
        const numbers = elementCount(rowShape);
        const values = Float32Array.from({ length: count * numbers }, (_, i) => (i % 64) / 8);
        await writeFile(file, Buffer.concat([npyHeader(dtype, count, rowShape), npyBytes(dtype, values)]));
        const rows = await openNpy(file);
        assert.deepEqual([rows.count, rows.rowShape, rows.dtype], [count, rowShape, dtype]);
        assert.deepEqual(await rows.read(0, count), values);
        if (count > 1) assert.deepEqual(await rows.read(1, 1), values.slice(numbers, 2 * numbers));
        await rows.close();
      }),
      { numRuns: 50 },
    );
  });

  test('the header has one length whatever the count, and data begins at a multiple of 64', () => {
    for (const count of [0, 1, 999_999_999_999]) {
      assert.equal(npyHeader('float32', count, [7, 7, 1280]).length, NPY_HEADER_BYTES);
    }
    const text = npyHeader('float32', 3, [4]).toString('latin1');
    assert.match(
      text,
      /^\x93NUMPY\x01\x00v\x00\{'descr': '<f4', 'fortran_order': False, 'shape': \(3, 4\), \} *\n$/,
    );
    assert.match(npyHeader('float16', 3, []).toString('latin1'), /'shape': \(3,\)/);
  });

  test('a header that lies, another type, another order and no header are refused in words', async () => {
    const file = path.join(scratch, 'bad.npy');
    const whole = Buffer.concat([npyHeader('float32', 2, [3]), Buffer.alloc(24)]);
    const cases: readonly (readonly [Buffer, RegExp])[] = [
      [whole.subarray(0, -1), /cut short/],
      [Buffer.concat([npyHeader('float32', 1e15, [3]), Buffer.alloc(24)]), /cut short/],
      [Buffer.from(whole.toString('latin1').replace('<f4', '<f8'), 'latin1'), /holds <f8, expected '<f4'/],
      [Buffer.from(whole.toString('latin1').replace('False', 'True '), 'latin1'), /Fortran order/],
      [Buffer.from('not an array at all'), /is no \.npy file/],
      [Buffer.alloc(0), /is no \.npy file/],
      [whole.subarray(0, 60), /ends at byte/],
    ];
    for (const [bytes, pattern] of cases) {
      await writeFile(file, bytes);
      await rejects(openNpy(file), pattern);
    }
    await rejects(openNpy(path.join(scratch, 'none.npy')), /cannot open/);
    await rejects(openNpy(scratch), /is a folder/);
  });

  test('damaged bytes give our error or rows, never a crash', async () => {
    const file = path.join(scratch, 'flipped.npy');
    const whole = Buffer.concat([npyHeader('float32', 2, [3]), Buffer.alloc(24)]);
    await fc.assert(
      fc.asyncProperty(fc.nat(NPY_HEADER_BYTES - 1), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;
        await writeFile(file, bytes);
        try {
          await (await openNpy(file)).close();
        } catch (error) {
          assert.ok(error instanceof AppError, String(error));
        }
      }),
      { numRuns: 200 },
    );
  });
});
