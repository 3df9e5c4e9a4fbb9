// Streams of random numbers: repeatable, independent of each other, and distributed as they say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRng, restoreRng, type Rng } from '../../src/util/rng.ts';

const draws = (rng: Rng, count: number) => Array.from({ length: count }, () => rng.uniform());
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]) => {
  const middle = mean(values);
  return mean(values.map((x) => (x - middle) ** 2));
};

test('the same seed gives the same numbers, another seed others', () => {
  assert.deepEqual(draws(createRng(7), 20), draws(createRng(7), 20));
  assert.notDeepEqual(draws(createRng(7), 20), draws(createRng(8), 20));
});

test('a fork depends on its names alone, not on what its parent has drawn', () => {
  const parent = createRng(1);
  const before = draws(parent.fork('augment', 3, 12), 5);
  draws(parent, 100);
  assert.deepEqual(draws(parent.fork('augment', 3, 12), 5), before);
  assert.deepEqual(draws(parent.fork('augment').fork(3).fork(12), 5), before);
  for (const other of [
    ['augment', 12, 3],
    ['augment', 3, 13],
    ['augment', '3', 12],
    ['augment', 31, 2],
  ]) {
    assert.notDeepEqual(draws(parent.fork(...other), 5), before);
  }
});

test('a stream goes on from its state, which is plain data', () => {
  const rng = createRng(5);
  draws(rng, 33);
  const state = JSON.parse(JSON.stringify(rng.state())) as ReturnType<Rng['state']>;
  const again = restoreRng(state);
  assert.deepEqual(draws(again, 10), draws(rng, 10));
  assert.deepEqual(draws(again.fork('x'), 3), draws(createRng(5).fork('x'), 3));
});

test('uniform, normal, beta and integer have their moments', () => {
  const rng = createRng(11);
  const many = 40_000;
  const of = (draw: () => number) => Array.from({ length: many }, draw);
  const uniform = of(() => rng.uniform(2, 4));
  assert.ok(uniform.every((x) => x >= 2 && x < 4));
  assert.ok(Math.abs(mean(uniform) - 3) < 0.01 && Math.abs(variance(uniform) - 1 / 3) < 0.01);
  const normal = of(() => rng.normal(1, 2));
  assert.ok(Math.abs(mean(normal) - 1) < 0.04 && Math.abs(variance(normal) - 4) < 0.12);
  for (const [a, b] of [
    [0.2, 0.2],
    [1, 1],
    [2, 5],
  ] as const) {
    const beta = of(() => rng.beta(a, b));
    assert.ok(beta.every((x) => x >= 0 && x <= 1));
    assert.ok(Math.abs(mean(beta) - a / (a + b)) < 0.01, `mean of beta(${a}, ${b})`);
    const expected = (a * b) / ((a + b) ** 2 * (a + b + 1));
    assert.ok(Math.abs(variance(beta) - expected) < 0.01, `variance of beta(${a}, ${b})`);
  }
  const counts = Array.from({ length: 7 }, () => 0);
  for (let i = 0; i < many; i++) counts[rng.integer(7)]! += 1;
  assert.ok(
    counts.every((count) => Math.abs(count - many / 7) < 400),
    counts.join(' '),
  );
});

test('the first numbers of neighbouring forks are spread evenly', () => {
  const rng = createRng(0);
  const first = Array.from({ length: 20_000 }, (_, i) => rng.fork('picture', i).uniform());
  assert.ok(Math.abs(mean(first) - 0.5) < 0.01 && Math.abs(variance(first) - 1 / 12) < 0.005);
});

test('a shuffle keeps every item', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer(), (items, seed) => {
      const shuffled = createRng(seed).shuffle([...items]);
      assert.deepEqual(
        shuffled.toSorted((a, b) => a - b),
        items.toSorted((a, b) => a - b),
      );
    }),
  );
});
