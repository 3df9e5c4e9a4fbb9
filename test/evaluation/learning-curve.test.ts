// Learning curves and the paired test: by hand, and by scipy's numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedMistakes, nestedParts } from '../../src/evaluation/learning-curve.ts';
import { mcNemar } from '../../src/evaluation/mcnemar.ts';
import { createRng } from '../../src/util/rng.ts';

test('parts are nested and have every class', () => {
  const labels = Array.from({ length: 103 }, (_, i) => [i % 7 === 0 ? 0 : i % 3 === 0 ? 1 : 2]);
  labels.push([3]);
  const parts = nestedParts(labels, createRng(0));
  assert.equal(parts.at(-1)!.rows.length, labels.length);
  for (const [i, { rows }] of parts.entries()) {
    assert.deepEqual(new Set(rows.map((row) => labels[row]![0])), new Set([0, 1, 2, 3]));
    if (i > 0) for (const row of parts[i - 1]!.rows) assert.ok(rows.includes(row));
  }
  assert.deepEqual(nestedParts([[0], [1]], createRng(0)).length, 1);
});

test('a power law is found and goes on', () => {
  const points = [10, 20, 40, 80].map((pictures) => ({ pictures, mistakes: 0.8 * pictures ** -0.5 }));
  assert.ok(Math.abs(expectedMistakes(points, 160)! - 0.8 * 160 ** -0.5) < 1e-12);
});

test('where nothing can be said, nothing is', () => {
  const flat = [10, 20, 40].map((pictures) => ({ pictures, mistakes: 0.2 }));
  assert.equal(expectedMistakes(flat, 80), undefined);
  assert.equal(expectedMistakes(flat.slice(1), 80), undefined);
  assert.equal(expectedMistakes([...flat, { pictures: 80, mistakes: 0 }], 160), undefined);
});

test('McNemar’s test is the exact binomial one', () => {
  // scipy.stats.binomtest(k, n, 0.5).pvalue of 1.16
  const known = [[0, 0, 1], [1, 0, 1], [0, 6, 0.03125], [3, 12, 0.03515625], [10, 10, 1], [40, 70, 0.005447429]] as const; // prettier-ignore
  for (const [first, second, p] of known) {
    assert.ok(Math.abs(mcNemar(first, second) - p) < 1e-8, `${first}, ${second}: ${mcNemar(first, second)}`);
    assert.equal(mcNemar(first, second), mcNemar(second, first));
  }
  assert.ok(mcNemar(2000, 2200) < 0.01);
});
