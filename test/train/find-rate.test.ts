// find-rate.test.ts: which rate is suggested of a row of losses.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { suggestedRate } from '../../src/train/find-rate.ts';

const rates = Array.from({ length: 60 }, (_, i) => 10 ** (-6 + i / 10));

it('the rate where the loss falls most steeply', () => {
  // Flat, then down around 1e-3, then up.
  const points = rates.map((rate) => [rate, 2 - 1.5 / (1 + (1e-3 / rate) ** 2) + rate * 5] as const);
  assert.equal(suggestedRate(points), 0.001);
});

it('none where it never falls', () => {
  assert.equal(suggestedRate(rates.map((rate) => [rate, 1 + rate] as const)), undefined);
  assert.equal(suggestedRate([]), undefined);
});
