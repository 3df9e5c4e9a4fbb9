// ranges.test.ts: histograms that grow, and the ranges that are chosen by them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BINS, Histogram } from '../../src/quantization/histogram.ts';
import { METHODS } from '../../src/quantization/ranges.ts';
import { uniform } from '../helpers/lcg.ts';

/** Of the normal distribution. @param seed another one gives other numbers */
const normal = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => {
    const [u, v] = [1 - uniform(seed, 2 * i), uniform(seed, 2 * i + 1)];
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  });

function histogramOf(...parts: readonly Float32Array[]): Histogram {
  const histogram = new Histogram();
  for (const part of parts) histogram.add(part);
  return histogram;
}

test('a histogram keeps all counts when larger numbers come, and its ends are exact', () => {
  const small = normal(1000, 1);
  const histogram = histogramOf(new Float32Array(3), small, small.map((x) => 37 * x)); // prettier-ignore
  assert.equal(
    histogram.counts.reduce((sum, count) => sum + count, 0),
    2003,
  );
  assert.equal(histogram.low, Math.fround(37 * small.reduce((least, x) => Math.min(least, x), 0)));
  assert.ok(histogram.limit >= Math.max(-histogram.low, histogram.high));
});

test('min-max keeps every number, percentile and entropy cut a lonely one off', () => {
  const histogram = histogramOf(normal(100_000, 2), Float32Array.of(60));
  assert.equal(METHODS['min-max'](histogram).high, 60);
  for (const method of ['percentile', 'entropy'] as const) {
    const { low, high } = METHODS[method](histogram);
    assert.ok(high > 2 && high < 10 && low < -2, `${method}: ${low} to ${high}`);
  }
});

test('what a relu6 makes of numbers keeps its upper end, where many of them are', () => {
  const clipped = normal(100_000, 3).map((x) => Math.max(0, Math.min(6, 4 * x)));
  for (const [name, method] of Object.entries(METHODS)) {
    const { low, high } = method(histogramOf(clipped));
    assert.ok(low === 0 && high > 5.9 && high <= 6, `${name}: ${low} to ${high}`);
  }
});

test('zeros alone give a range of nothing', () => {
  for (const method of Object.values(METHODS)) {
    assert.deepEqual(method(histogramOf(new Float32Array(BINS))), { low: 0, high: 0 });
  }
});
