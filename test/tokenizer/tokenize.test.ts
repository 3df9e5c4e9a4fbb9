// Texts -> tokens: beside those of the library tokenizers in Python, and with files that nobody should open.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { padRows } from '../../src/tokenizer/token-rows.ts';
import { tokenize, type TokenizeOptions } from '../../src/tokenizer/tokenize.ts';
import { AppError, type ErrorCode } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { WORDS_TOKENIZER } from '../helpers/words-folder.ts';

interface Golden {
  readonly texts: readonly string[];
  readonly cases: Readonly<
    Record<string, { readonly tokenizer: object; readonly ids: readonly (readonly number[])[] }>
  >;
}
const golden = JSON.parse(
  await readFile(path.join(PACKAGE_ROOT, 'test', 'golden', 'tokenizers.json'), 'utf8'),
) as Golden;

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const tokens = (texts: readonly string[], file: unknown, more: Partial<TokenizeOptions> = {}) =>
  tokenize(texts, { file: bytes(file), name: 'tokenizer.json', length: 4096, ...more });

/** JavaScript counts U+FEFF as a space, and writes a sigma at the end of a word in lower case as ς. */
const differs = (text: string) => text.includes('\uFEFF') || text === 'ΣΊΣΥΦΟΣ';

describe('the numbers of the library in Python', () => {
  for (const [name, { tokenizer, ids }] of Object.entries(golden.cases)) {
    test(`${name}: ${golden.texts.length} odd texts`, async () => {
      const rows = await tokens(golden.texts, tokenizer);
      golden.texts.forEach((text, i) => {
        if (!differs(text)) assert.deepEqual(rows[i], ids[i], JSON.stringify(text));
      });
    });
  }
});

describe('rows', () => {
  test('a long text loses its end, not the tokens around it', async () => {
    const [row] = await tokens(['red green blue a photo of'], WORDS_TOKENIZER, { length: 5 });
    assert.deepEqual(row, [0, 3, 4, 5, 1]);
    const [start] = await tokens(
      ['red green blue'],
      { ...WORDS_TOKENIZER, post_processor: null },
      { length: 2 },
    );
    assert.deepEqual(start, [3, 4]);
  });

  const rule = { length: 4, padded: 'longest', side: 'right', pad: 9, attended: 'text' } as const;
  test('filled up to the longest of a batch, or to the length', () => {
    const rows = [[1, 2, 3], [1]];
    assert.deepEqual(padRows(rows, rule), { tokens: [[1, 2, 3], [1, 9, 9]], mask: [[1, 1, 1], [1, 0, 0]] }); // prettier-ignore
    const left = padRows(rows, { ...rule, padded: 'length', side: 'left', attended: 'all' });
    assert.deepEqual(left, { tokens: [[9, 1, 2, 3], [9, 9, 9, 1]], mask: [[1, 1, 1, 1], [1, 1, 1, 1]] }); // prettier-ignore
  });
});

const refused = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AppError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.ok(error.message.length < 500);
  return true;
};

describe('files that are no tokenizer', () => {
  const { model } = WORDS_TOKENIZER;
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['not JSON', 'robin', /^tokenizer\.json is not JSON/],
    ['empty', '', /is not JSON/],
    ['a list', [], /^tokenizer\.json is no tokenizer that finch can use/],
    ['an empty object', {}, /is no tokenizer/],
    ['nested deep', '['.repeat(1e6), /nests more than 64 levels/],
    ['no model', { ...WORDS_TOKENIZER, model: null }, /is no tokenizer/],
    ['a model of another kind', { ...WORDS_TOKENIZER, model: { type: 'Robin', vocab: {} } }, /is no tokenizer/],
    ['a pattern that is none', { ...WORDS_TOKENIZER, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Removed', invert: true } }, /is no tokenizer/],
    ['no number for a piece', { ...WORDS_TOKENIZER, model: { ...model, vocab: { red: -1, '<unknown>': 1.5 } } }, /no number for a piece/],
    ['more tokens around than there is room', WORDS_TOKENIZER, /it puts 2 tokens around each text, and the network takes 2/],
  ]; // prettier-ignore
  for (const [name, file, message] of cases) {
    const length = name.startsWith('more') ? 2 : 16;
    test(name, () => assert.rejects(tokens(['red'], file, { length }), refused('FILE_INVALID', message)));
  }

  test('a pattern that never ends is stopped', async () => {
    const endless = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Removed', invert: true };
    const started = performance.now();
    const asked = tokens(
      [`${'a'.repeat(60)}!`],
      { ...WORDS_TOKENIZER, pre_tokenizer: endless },
      { seconds: 1 },
    );
    await assert.rejects(asked, refused('FILE_UNSAFE', /took more than 1 s for 1 texts and was stopped/));
    assert.ok(performance.now() - started < 20_000);
  });

  test('one that needs all memory ends its thread, not the process', async () => {
    const double = { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(1000) };
    const normalizer = { type: 'Sequence', normalizers: Array.from({ length: 6 }, () => double) };
    await assert.rejects(tokens(['a'], { ...WORDS_TOKENIZER, normalizer }), AppError);
  });
});
