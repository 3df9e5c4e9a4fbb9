// The paired bootstrap: a difference that is there is told from one that is not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairedDifference } from '../../bench/paired.ts';
import { createRng } from '../../src/util/rng.ts';

const COUNT = 1000;
const draw = createRng(1);
const one = Array.from({ length: COUNT }, () => Number(draw.chance(0.9)));

test('answers that are the same have no difference; its interval is the known one for single changes', () => {
  assert.deepEqual(pairedDifference(one, one, createRng(0)), { mean: 0, low: 0, high: 0 });
  // 40 pictures won and 10 lost: a mean of 0.03, a deviation of sqrt(0.05 - 0.0009) / sqrt(1000) = 0.0070.
  const other = one.slice();
  let [won, lost] = [40, 10];
  one.forEach((right, i) => {
    if (right === 1 && won-- > 0) other[i] = 0;
    else if (right === 0 && lost-- > 0) other[i] = 1;
  });
  const { mean, low, high } = pairedDifference(one, other, createRng(0));
  assert.ok(Math.abs(mean - 0.03) < 1e-12);
  assert.ok(Math.abs(low - (0.03 - 1.96 * 0.007)) < 0.002, `${low}`);
  assert.ok(Math.abs(high - (0.03 + 1.96 * 0.007)) < 0.002, `${high}`);
});
