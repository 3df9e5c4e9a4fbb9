// temperature.test.ts: the temperature that is measured: right on made-up answers, and bounded where they say little.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { measuredTemperature } from '../../src/train/temperature.ts';
import { createRng } from '../../src/util/rng.ts';

/** Logits of a network that is `factor` times too sure: its truth is drawn from the softmax of the logits divided by that. */
function madeUp(count: number, factor: number) {
  const rng = createRng(7);
  const classes = 4;
  const logits = Float32Array.from({ length: count * classes }, () => rng.uniform(-3, 3) * factor);
  const truth = Array.from({ length: count }, (_, row) => {
    const weights = Array.from(logits.subarray(row * classes, (row + 1) * classes), (x) => Math.exp(x / factor)); // prettier-ignore
    let left = rng.uniform(0, 1) * weights.reduce((a, b) => a + b, 0);
    return Math.max(
      0,
      weights.findIndex((weight) => (left -= weight) <= 0),
    );
  });
  return { logits, classes, truth };
}

it('finds how many times too sure a network is', () => {
  for (const factor of [0.5, 1, 2]) {
    const measured = measuredTemperature(madeUp(4000, factor));
    assert.ok(Math.abs(measured / factor - 1) < 0.06, `${measured} for ${factor}`);
  }
});

it('a few answers, all right, do not make a network sure beyond reason', () => {
  const logits = Float32Array.from({ length: 10 * 2 }, (_, i) => (i % 2 === 0 ? 2 : 0));
  const measured = measuredTemperature({ logits, classes: 2, truth: Array.from({ length: 10 }, () => 0) });
  assert.ok(measured > 0.5 && measured < 1, `${measured}`);
});
