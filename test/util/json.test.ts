// json.test.ts: JSON that nests without end, or becomes far more memory than its size, is refused before it is built.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../src/util/errors.ts';
import { parseJson } from '../../src/util/json.ts';

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseJson(text, { what: 'x.json' }),
    (error) => error instanceof AppError && message.test(error.message) && error.message.length < 400,
  );

test('ordinary JSON is read, brackets in texts included', () => {
  const value = { a: [1, { b: 'x[[[[{{{{,,,,"\\' }], c: null };
  assert.deepEqual(parseJson(JSON.stringify(value), { what: 'x.json' }), value);
});

test('deep nesting is refused, of lists, of objects, and unfinished', () => {
  for (const text of [
    '['.repeat(20_000) + ']'.repeat(20_000),
    '{"a":'.repeat(20_000),
    '['.repeat(10_000_000),
  ]) {
    refused(text, /x\.json nests more than 64 levels of JSON/);
  }
});

test('millions of small values are refused', () => {
  refused(`[${'{},'.repeat(5_000_000)}{}]`, /has more than 2000000 values/);
  refused(`[${'0,'.repeat(5_000_000)}0]`, /has more than 2000000 values/);
});

test('what is not JSON is said so, in one short line', () => {
  for (const text of ['', '{', '[1,]', `\x1b[31m${'x'.repeat(100_000)}`, '"\\"'])
    refused(text, /x\.json is not JSON/);
});
