// Memory that the machine does not give is one line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocate } from '../../src/util/allocate.ts';
import { AppError } from '../../src/util/errors.ts';

test('memory that the machine does not give', () => {
  assert.equal(allocate(3, 'it').length, 3);
  assert.throws(
    () => allocate(2 ** 52, 'the network'),
    (error) => {
      assert.ok(error instanceof AppError && error.code === 'OUT_OF_MEMORY');
      assert.match(error.message, /^the network needs 4503599627370496 bytes of memory/);
      return true;
    },
  );
});
