// kernel.test.ts: weights as whole numbers: rounding, what may not overflow, and the bias that keeps the mean.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { affineOf, fromByte, toByte } from '../../src/quantization/affine.ts';
import { byteKernel, type FloatKernel, type WeightBits } from '../../src/quantization/kernel.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

const number = fc.float({ min: -100, max: 100, noNaN: true });

test('the bytes of a range hold 0 exactly, and every number of it within half a step', () => {
  fc.assert(
    fc.property(number, number, fc.float({ min: 0, max: 1, noNaN: true }), (a, b, at) => {
      const range = { low: Math.min(a, b), high: Math.max(a, b) };
      const affine = affineOf(range);
      assert.equal(fromByte(toByte(0, affine), affine), 0);
      const x = range.low + at * (range.high - range.low);
      // The zero is a whole number, which moves an end by half a step.
      assert.ok(Math.abs(fromByte(toByte(x, affine), affine) - x) <= 1.01 * affine.scale);
    }),
  );
});

test('numbers outside a range get the byte of its end; a range of nothing is still one', () => {
  const affine = affineOf({ low: 0, high: 6 });
  assert.deepEqual([toByte(-1, affine), toByte(7, affine)], [0, 255]);
  assert.deepEqual(affineOf({ low: 0, high: 0 }), { scale: 1, zero: 0 });
});

/** Made-up filters of `[outputs, depth, area]`. */
function filters(outputs: number, depth: number, area: number, groups = 1): FloatKernel {
  const kernel = Float32Array.from(
    { length: outputs * depth * area },
    (_, i) => Math.sin(12.9898 * i) / (1 + (i % 7)),
  );
  const bias = Float32Array.from({ length: outputs }, (_, o) => Math.cos(o));
  return { kernel, bias, outputs, depth, groups };
}

for (const bits of [7, 8] as const satisfies readonly WeightBits[]) {
  test(`weights of ${bits} bits: each within half a step, the bias keeps the mean answer`, () => {
    const [outputs, depth, area] = [6, 4, 9];
    const float = filters(outputs, depth, area);
    const input = affineOf({ low: 0, high: 3 });
    const means = Float32Array.of(0.5, 1.5, 0, 2.5);
    const { weights, scales, bias } = byteKernel(float, { bits, input, means });
    const mean = (kernel: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from({ length: outputs }, (_, o) => {
        let sum = b[o]!;
        for (let i = 0; i < depth * area; i++)
          sum += kernel[o * depth * area + i]! * means[Math.floor(i / area)]!;
        return sum;
      });
    const back = Float64Array.from(weights, (w, i) => w * scales[Math.floor(i / (depth * area))]!);
    float.kernel.forEach((w, i) =>
      assert.ok(Math.abs(back[i]! - w) <= 0.501 * scales[Math.floor(i / (depth * area))]!),
    );
    const backBias = Float64Array.from(bias, (b, o) => b * input.scale * scales[o]!);
    assertAllClose(mean(back, backBias), mean(float.kernel, float.bias!), {
      atol: Math.max(...scales) * input.scale,
    });
    // Nothing of the mean was lost only because the bias makes up for it.
    assert.notDeepEqual(mean(back, float.bias!), mean(float.kernel, float.bias!));
  });
}

test('seven bits: two products of bytes stay in 16 bits; depthwise weights keep eight', () => {
  const given = { bits: 7, input: affineOf({ low: 0, high: 1 }), means: new Float32Array(8) } as const;
  const largest = (float: FloatKernel) =>
    byteKernel(float, given).weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  assert.ok(2 * 255 * largest(filters(8, 8, 9)) < 2 ** 15);
  assert.equal(largest(filters(8, 1, 9, 8)), 127);
});

test('filters of zeros, and a bias far larger than its weights', () => {
  const kernel = Float32Array.of(0, 0, 1e-12, -1e-12);
  const float = { kernel, bias: Float32Array.of(0, 50), outputs: 2, depth: 2, groups: 1 };
  const input = affineOf({ low: 0, high: 1e-3 });
  const { scales, bias } = byteKernel(float, { bits: 8, input, means: new Float32Array(2) });
  assertAllClose(
    Float64Array.from(bias, (b, o) => b * input.scale * scales[o]!),
    [0, 50],
    { rtol: 1e-5 },
  );
});
