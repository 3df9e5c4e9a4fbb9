// Half precision: every pattern, and rounding at its edges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '../../src/util/float16.ts';

test('every half-precision number survives the way to float32 and back', () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = float32ToFloat16(float16ToFloat32(halves));
  for (const half of halves) {
    const isNaN = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
    if (isNaN) assert.equal(back[half]! & 0x7e00, 0x7e00);
    else assert.equal(back[half], half);
  }
});

test('known values', () => {
  const known: readonly (readonly [number, number])[] = [
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [1.5 * 2 ** -25, 0x0001],
    [2 ** -14 - 2 ** -25, 0x0400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [Infinity, 0x7c00],
  ];
  for (const [value, half] of known)
    assert.equal(float32ToFloat16(Float32Array.of(value))[0], half, String(value));
});

test('rounding is to the nearest, ties to even', () => {
  const value = fc.float({ min: -65000, max: 65000, noNaN: true });
  fc.assert(
    fc.property(value, (x) => {
      const half = float32ToFloat16(Float32Array.of(x))[0]!;
      const chosen = float16ToFloat32(Uint16Array.of(half))[0]!;
      for (const neighbour of [half - 1, half + 1]) {
        if ((neighbour & 0x7fff) > 0x7bff || neighbour < 0) continue;
        const other = float16ToFloat32(Uint16Array.of(neighbour))[0]!;
        assert.ok(Math.abs(chosen - x) <= Math.abs(other - x));
      }
    }),
  );
});

test('bfloat16 is the upper half of float32', () => {
  assert.deepEqual([...bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000, 0x7f80))], [1, -2, Infinity]);
});
