// parquet-numbers: pages of a column of numbers, sound ones and those whose header is false, written byte by byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainNumbers } from '../../src/formats/parquet-numbers.ts';

interface Page {
  readonly values: number;
  readonly uncompressed: number;
  readonly compressed: number;
  readonly defined: number;
  readonly repeats: number;
}

const varint = (value: number): readonly number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
/** The next field of a struct, a number: 1 is written as 2, and -1 as 1. */
const i32 = (value: number) => [0x15, ...varint(value < 0 ? -2 * value - 1 : 2 * value)];
const bool = (value: boolean) => [value ? 0x11 : 0x12];

/** A data page of version 2, in plain numbers that are not compressed. */
function pageOf({ values, uncompressed, compressed, defined, repeats }: Page, content: Float32Array) {
  const v2 = [...i32(values), ...i32(0), ...i32(values), ...i32(0), ...i32(defined), ...i32(repeats), ...bool(false), 0]; // prettier-ignore
  const header = [...i32(3), ...i32(uncompressed), ...i32(compressed), 0x5c, ...v2, 0];
  return Uint8Array.of(...header, ...new Uint8Array(content.buffer));
}

const NUMBERS = Float32Array.of(1.5, -2, 3);
const SOUND: Page = { values: 3, uncompressed: 12, compressed: 12, defined: 0, repeats: 0 };
const read = (page: Partial<Page>, { count = 3, maxBytes = 1000 } = {}) =>
  plainNumbers(pageOf({ ...SOUND, ...page }, NUMBERS), { codec: 'UNCOMPRESSED', type: 'FLOAT', num_values: BigInt(count) }, maxBytes); // prettier-ignore

test('a sound page gives its numbers; more than is allowed are not made room for', () => {
  assert.deepEqual(read({}), NUMBERS);
  assert.equal(read({}, { maxBytes: 11 }), undefined);
});

test('a page whose header is false is told', () => {
  const cases: readonly (readonly [Partial<Page>, number])[] = [
    [{ compressed: -4 }, 3],
    [{ compressed: 8 }, 3],
    [{ compressed: 400 }, 3],
    [{ defined: 4, repeats: -4 }, 3],
    [{ values: 1, uncompressed: 4, compressed: -4 }, 100],
    [{ values: 200, uncompressed: 800 }, 200],
  ];
  for (const [page, count] of cases) assert.throws(() => read(page, { count }), /a page of numbers is not what it says/); // prettier-ignore
});
