// assert-all-close.ts: compares numbers with a stated tolerance and says where they differ most.

import assert from 'node:assert/strict';

export interface Tolerance {
  /** Relative to the largest magnitude among the expected values. */
  readonly rtol?: number;
  readonly atol?: number;
}

/** Fails unless every |actual - expected| is at most atol + rtol max|expected|. */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 0, atol = 0 }: Tolerance,
  what = 'values',
): void {
  assert.equal(
    actual.length,
    expected.length,
    `${what}: ${actual.length} values, expected ${expected.length}`,
  );
  let largest = 0;
  let worst = 0;
  let where = -1;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) {
      worst = difference;
      where = i;
    }
  }
  const allowed = atol + rtol * largest;
  assert.ok(
    worst <= allowed,
    `${what}: off by ${worst} at ${where} (${actual[where]} for ${expected[where]}), allowed ${allowed}`,
  );
}
