// novelty.test.ts: the score of how unlike all that a network has learnt a picture is, its limit, and the area under the ROC curve.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { auroc } from '../../src/evaluation/auroc.ts';
import { distanceOf, doubtOf, noveltyLimit, noveltyScore } from '../../src/util/novelty.ts';

describe('novelty', () => {
  it('the doubt is the logarithm of the odds that the first class is wrong', () => {
    const [a, b, c] = [0.7, 0.2, 0.1];
    const logits = Float32Array.of(Math.log(b), Math.log(a), Math.log(c));
    assert.ok(Math.abs(doubtOf(logits) - Math.log((1 - a) / a)) < 1e-6);
    assert.equal(doubtOf(Float32Array.of(3, 3)), 0, 'two equal classes');
    assert.equal(doubtOf(Float32Array.of(1e4, -1e4)), -50, 'no surer than this');
  });

  it('the distance is that to the nearest row', () => {
    const rows = Float32Array.of(1, 0, 0, 1);
    assert.ok(Math.abs(distanceOf(Float32Array.of(0.6, 0.8), rows) - 0.2) < 1e-6);
    assert.equal(distanceOf(Float32Array.of(-1, 0), rows), 1);
  });

  it('both count in their own spreads', () => {
    const measure = { doubt: { middle: -4, spread: 2 }, distance: { middle: 0.2, spread: 0.1 }, weight: 0.5 };
    assert.equal(noveltyScore({ doubt: -4, distance: 0.2 }, measure), 0);
    assert.ok(Math.abs(noveltyScore({ doubt: 0, distance: 0.4 }, measure) - 3) < 1e-9);
  });

  it('the limit leaves the share below that was asked for', () => {
    const known = Float64Array.from({ length: 99 }, (_, i) => i);
    assert.equal(noveltyLimit({ known }, 0.95), 94);
    assert.equal(noveltyLimit({ known: Float64Array.of(1, 2, 3) }, 0.95), 3, 'few scores: the largest');
    assert.equal(noveltyLimit({ known }, 1e-9), 0);
  });
});

describe('auroc', () => {
  it('is the share of pairs in the right order', () => {
    assert.equal(auroc([1, 2], [3, 4]), 1);
    assert.equal(auroc([3, 4], [1, 2]), 0);
    assert.equal(auroc([1, 1], [1]), 0.5);
    assert.ok(Number.isNaN(auroc([], [1])));
  });

  it('agrees with counting all pairs', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(scores, scores, (lower, higher) => {
        const pairs = lower.flatMap((a) => higher.map((b) => (b > a ? 1 : b === a ? 0.5 : 0)));
        const expected = pairs.reduce((sum: number, pair) => sum + pair, 0) / pairs.length;
        assert.ok(Math.abs(auroc(lower, higher) - expected) < 1e-12);
      }),
    );
  });
});
