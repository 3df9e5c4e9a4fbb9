// Figures against scikit-learn and torch on the same made-up scores (test/golden/metrics.py), and by hand.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bestTemperature, calibrationBins, calibrationError, classFigures, confusionOf, crossEntropy, macroF1, mostConfused, rootBetween,
  predictions, rowLosses, topHits, wilson, type Scored,
} from '../../src/evaluation/metrics.ts'; // prettier-ignore
import {
  averagePrecision,
  bestThresholds,
  meanAveragePrecision,
  multiFigures,
} from '../../src/evaluation/multi-label-metrics.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { fnv1a, uniform } from '../helpers/lcg.ts';

const golden = JSON.parse(
  readFileSync(path.join(PACKAGE_ROOT, 'test', 'golden', 'metrics.json'), 'utf8'),
) as {
  readonly sklearn: string;
  readonly count: number;
  readonly classes: number;
  readonly confusion: readonly (readonly number[])[];
} & Readonly<
  Record<
    'top1' | 'top5' | 'loss' | 'macroF1' | 'temperature' | 'ece' | 'multiMacroF1' | 'multiMicroF1',
    number
  >
> &
  Readonly<Record<'precision' | 'recall' | 'f1' | 'support' | 'averagePrecision', readonly number[]>>;
const { count, classes } = golden;
const made = (name: string, length: number) =>
  Float64Array.from({ length }, (_, i) => uniform(fnv1a(name), i));

const raw = made('scores', count * classes);
const truth = Int32Array.from(made('truth', count), (u) => Math.floor(u * (classes - 1)));
const logits = Float32Array.from(raw, (u) => 6 * u - 3);
truth.forEach((k, row) => (logits[row * classes + k]! += 1.5));
const scored: Scored = { logits, classes, truth };
const confusion = confusionOf(truth, predictions(scored), classes);

describe(`as scikit-learn ${golden.sklearn}`, () => {
  test('top-1, top-5 and loss', () => {
    assertAllClose([topHits(scored, 1) / count, topHits(scored, 5) / count], [golden.top1, golden.top5], {
      rtol: 1e-12,
    });
    assertAllClose([crossEntropy(scored)], [golden.loss], { rtol: 1e-6 });
    assert.equal(topHits(scored, classes), count);
  });

  test('confusion matrix, precision, recall, F1', () => {
    assert.deepEqual(confusion.map((row) => [...row]), golden.confusion); // prettier-ignore
    const figures = classFigures(confusion);
    for (const key of ['precision', 'recall', 'f1'] as const) {
      assertAllClose(figures.map((figure) => figure[key]), golden[key], { rtol: 1e-12 }, key); // prettier-ignore
    }
    assert.deepEqual(figures.map(({ samples }) => samples), golden.support); // prettier-ignore
    assertAllClose([macroF1(confusion)], [golden.macroF1], { rtol: 1e-12 });
  });

  test('calibration error and temperature', () => {
    assertAllClose([calibrationError(calibrationBins(scored))], [golden.ece], { rtol: 1e-6 });
    const temperature = bestTemperature(scored);
    assertAllClose([temperature], [golden.temperature], { rtol: 1e-5 });
    assert.ok(crossEntropy(scored, temperature) < crossEntropy(scored));
  });

  test('several labels: average precision with ties, micro and macro F1', () => {
    const multi = Uint8Array.from(made('multi', count * classes), (u) => (u < 0.3 ? 1 : 0));
    const scores = Float32Array.from(raw, (u, i) => roundToEven((0.6 * u + 0.4 * multi[i]!) * 50) / 50);
    const all = { scores, classes, truth: multi };
    const each = Array.from({ length: classes }, (_, k) => averagePrecision(all, k)!);
    assertAllClose(each, golden.averagePrecision, { rtol: 1e-12 });
    assertAllClose([meanAveragePrecision(all)], [each.reduce((a, b) => a + b) / classes], { rtol: 1e-12 });
    const figures = multiFigures(all, 0.5);
    assertAllClose([figures.macroF1, figures.microF1], [golden.multiMacroF1, golden.multiMicroF1], {
      rtol: 1e-12,
    });
    const better = multiFigures(all, bestThresholds(all));
    better.perClass.forEach(({ f1 }, k) => assert.ok(f1 >= figures.perClass[k]!.f1 - 1e-12, `class ${k}`));
  });
});

const roundToEven = (value: number) =>
  Math.abs((value % 1) - 0.5) < 1e-12 ? 2 * Math.round(value / 2) : Math.round(value);

test("Wilson's interval", () => {
  // The formula's values, to five places.
  const known = [
    [8, 10, 0.49016, 0.94331],
    [0, 20, 0, 0.16113],
    [20, 20, 0.83887, 1],
    [500, 1000, 0.46907, 0.53093],
  ] as const;
  for (const [hits, of, low, high] of known) {
    const interval = wilson(hits, of);
    assertAllClose([interval.low, interval.high], [low, high], { atol: 2e-5 }, `${hits} of ${of}`);
  }
  assert.deepEqual(wilson(0, 0), { low: 0, high: 1 });
});

test('most confused pairs, largest first', () => {
  const matrix = confusionOf([0, 0, 0, 1, 1, 2], [1, 1, 0, 1, 2, 1], 3);
  const pairs = mostConfused(matrix, 2);
  assert.deepEqual(pairs, [{ truth: 0, predicted: 1, count: 2 }, { truth: 1, predicted: 2, count: 1 }]); // prettier-ignore
});

test('large logits do not overflow, certain answers do not break the temperature', () => {
  const sure: Scored = { logits: Float32Array.from([1000, -1000, -1000, 1000]), classes: 2, truth: [0, 1] };
  assert.equal(crossEntropy(sure), 0);
  assert.deepEqual([...rowLosses({ ...sure, truth: [1, 1] })], [2000, 0]);
  assert.ok(bestTemperature(sure) > 0 && Number.isFinite(bestTemperature({ ...sure, truth: [1, 0] })));
});

test('a temperature that cannot be determined: all right, all wrong, all alike, no numbers', () => {
  const logits = Float32Array.from([2, 0, 0, 2]);
  assert.ok(Math.abs(bestTemperature({ logits, classes: 2, truth: [0, 1] }) - 0.05) < 1e-6);
  assert.ok(Math.abs(bestTemperature({ logits, classes: 2, truth: [1, 0] }) - 20) < 1e-6);
  assert.ok(Math.abs(bestTemperature({ logits: new Float32Array(4), classes: 2, truth: [1, 0] }) - 1) < 1e-6);
  assert.ok(Math.abs(bestTemperature({ logits: new Float32Array(), classes: 2, truth: [] }) - 1) < 1e-6);
  const mixed = Float32Array.from([2, 0, 0, 3, 1, 0]);
  const known = bestTemperature({ logits: mixed, classes: 2, truth: [0, 1, 1] });
  const odd = Float32Array.from([...mixed, NaN, 1, Infinity, 0]);
  assert.equal(bestTemperature({ logits: odd, classes: 2, truth: [0, 1, 1, 0, 1] }), known);
});

test('the root of a function that rises: inside, at an end, where its derivative is 0', () => {
  const cube = (x: number) => ({ value: x ** 3 - 8, derivative: 3 * x * x });
  assert.ok(Math.abs(rootBetween([-10, 10], cube, 1e-9) - 2) < 1e-8);
  assert.equal(rootBetween([3, 10], cube, 1e-9), 3);
  assert.equal(rootBetween([-10, 1], cube, 1e-9), 1);
  const step = (x: number) => ({ value: x < 0.3 ? -1 : 1, derivative: 0 });
  assert.ok(Math.abs(rootBetween([-1, 1], step, 1e-9) - 0.3) < 1e-8);
});

test('top-k counts as sort-and-take does', () => {
  const matrix = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(matrix, fc.integer({ min: 1, max: 4 }), (rows, k) => {
      const truth = rows.map((_, i) => i % 4);
      const hits = topHits({ logits: Float32Array.from(rows.flat()), classes: 4, truth }, k);
      const taken = rows.filter((row, i) => [0, 1, 2, 3].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, k).includes(truth[i]!)); // prettier-ignore
      assert.equal(hits, taken.length);
    }),
  );
});
