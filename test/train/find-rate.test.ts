// find-rate.test.ts: which rate is suggested of a row of losses.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { suggestedRate } from '../../src/train/find-rate.ts';

const rates = Array.from({ length: 60 }, (_, i) => 10 ** (-6 + i / 10));
const IGNORANCE = Math.log(10);

it('a tenth of the last rate before the loss rises', () => {
  // Flat, then down around 1e-3, then up.
  const falling = rates.map((rate) => [rate, 2 - 1.5 / (1 + (1e-3 / rate) ** 2) + rate * 5] as const);
  assert.equal(suggestedRate(falling, IGNORANCE), 0.003);
  // A head that has converged: the loss is low from the beginning, and differs from batch to batch.
  const converged = rates.map((rate, i) => [rate, 0.02 + 0.01 * (i % 3) + rate * 100] as const);
  assert.equal(suggestedRate(converged, IGNORANCE), 0.0001);
});

it('none where the loss rises at once', () => {
  assert.equal(suggestedRate(rates.map((rate, i) => [rate, 1 + i] as const), IGNORANCE), undefined); // prettier-ignore
  assert.equal(suggestedRate([], IGNORANCE), undefined);
});
