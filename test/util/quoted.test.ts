// quoted.test.ts: what messages quote from outside is one short printable line, whatever it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError, messageOf } from '../../src/util/errors.ts';
import { MAX_QUOTED, quoted, quotedValue } from '../../src/util/quoted.ts';

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;

test('ordinary text is shown as it is', () => {
  for (const text of ['layer1.0.conv1', '猫.jpg', 'naïve 😀', "it's"]) assert.equal(quoted(text), text);
});

test('characters that a terminal would obey become escapes', () => {
  const text = 'a\x1b[31mred\x07\n\r\t\x9b2J\u202edrow\u2066\u2028\x7f\ud800b';
  assert.equal(
    quoted(text),
    'a\\x1b[31mred\\x07\\x0a\\x0d\\x09\\x9b2J\\u202edrow\\u2066\\u2028\\x7f\\ud800b',
  );
});

test('long text is cut to the limit, its escapes counted', () => {
  assert.equal(quoted('x'.repeat(MAX_QUOTED)).length, MAX_QUOTED);
  assert.equal(quoted('x'.repeat(MAX_QUOTED + 1)), `${'x'.repeat(MAX_QUOTED - 1)}…`);
  assert.ok(quoted('\x1b'.repeat(5000)).length <= MAX_QUOTED);
  // a pair that the limit divides leaves no half
  const divided = quoted(`${'x'.repeat(MAX_QUOTED - 2)}😀😀`);
  assert.ok(divided.length <= MAX_QUOTED && !UNPRINTABLE.test(divided), divided);
});

test('values are shown as JSON, however deep and long', () => {
  assert.equal(quotedValue(undefined), 'nothing');
  assert.equal(quotedValue({ a: [1, 'two', null] }), '{"a":[1,"two",null]}');
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.equal(quotedValue(deep), '[[[[…]]]]');
  assert.equal(quotedValue(Array.from({ length: 1_000_000 }, () => 0)), '[0,0,0,0,0,0,0,0,…]');
  assert.ok(quotedValue({ ['k'.repeat(1e6)]: 'v'.repeat(1e6) }).length <= 60);
});

test('an error for people is one printable line, whatever was put into it', () => {
  const error = new AppError('USAGE', 'a\nb\x1b[0m\u202e');
  assert.equal(error.message, 'a\\x0ab\\x1b[0m\\u202e');
  assert.equal(messageOf(new Error('first\n  second\x1b[0m')), 'first second\\x1b[0m');
});
