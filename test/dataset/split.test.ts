// Splits and orders: complete, disjoint, seeded, in the right shares.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classWeights, epochOrder, sampleWeights } from '../../src/dataset/sampler.ts';
import { stratifiedSplit } from '../../src/dataset/split.ts';
import { createRng } from '../../src/util/rng.ts';

const samples = fc.array(fc.record({ label: fc.nat({ max: 5 }), copy: fc.nat({ max: 60 }) }), { minLength: 1, maxLength: 80 }); // prettier-ignore
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });

test('a split is disjoint and complete, copies stay together, and the seed decides', () => {
  fc.assert(
    fc.property(samples, share, fc.integer(), (made, share, seed) => {
      const labels = made.map(({ label }) => [label]);
      const keys = made.map(({ copy }) => `${copy}`);
      const split = () => stratifiedSplit({ labels, keys, share, rng: createRng(seed) });
      const { train, val } = split();
      assert.deepEqual(
        [...train, ...val].toSorted((a, b) => a - b),
        [...labels.keys()],
      );
      const trained = new Set(train.map((i) => keys[i]));
      assert.ok(val.every((i) => !trained.has(keys[i])));
      assert.deepEqual(split(), { train, val });
    }),
  );
});

test('a class of two or more different pictures is on both sides, in its share', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 8 }),
      share,
      fc.integer(),
      (sizes, share, seed) => {
        // prettier-ignore
        const labels = sizes.flatMap((size, label) => Array.from({ length: size }, () => [label]));
        const keys = labels.map((_, i) => `picture ${i}`);
        const { train, val } = stratifiedSplit({ labels, keys, share, rng: createRng(seed) });
        sizes.forEach((size, label) => {
          const inVal = val.filter((i) => labels[i]![0] === label).length;
          const inTrain = train.filter((i) => labels[i]![0] === label).length;
          if (size === 1) assert.equal(inTrain, 1);
          if (size < 2) return;
          assert.ok(inTrain >= 1 && inVal >= 1);
          assert.equal(inVal, Math.min(size - 1, Math.max(1, Math.round(size * share))));
        });
      },
    ),
  );
});

test('with several labels a picture, each label is in about its share', () => {
  const rng = createRng(3);
  const labels = Array.from({ length: 600 }, () =>
    [0, 1, 2, 3].filter((label) => rng.chance(0.1 + 0.2 * label)),
  );
  const keys = labels.map((_, i) => `${i}`);
  const { val } = stratifiedSplit({ labels, keys, share: 0.2, rng });
  for (const label of [0, 1, 2, 3]) {
    const all = labels.filter((own) => own.includes(label)).length;
    const set = val.filter((i) => labels[i]!.includes(label)).length;
    assert.ok(Math.abs(set / all - 0.2) < 0.05, `label ${label}: ${set} of ${all}`);
  }
});

const orderOf = (
  labels: readonly (readonly number[])[],
  epoch: number,
  sampler: 'shuffle' | 'weighted' = 'shuffle',
) => epochOrder({ sampler, labels, classes: 3, epoch, rng: createRng(9) });

test('a shuffled epoch has every picture once, each epoch in its own order, the same when asked again', () => {
  const labels = Array.from({ length: 50 }, (_, i) => [i % 3]);
  const first = orderOf(labels, 1);
  assert.deepEqual(
    [...first].toSorted((a, b) => a - b),
    [...labels.keys()],
  );
  assert.deepEqual(orderOf(labels, 1), first);
  assert.notDeepEqual(orderOf(labels, 2), first);
});

test('weighted: every class is drawn equally often', () => {
  const labels = Array.from({ length: 6000 }, (_, i) => [i < 5000 ? 0 : i < 5900 ? 1 : 2]);
  const counts = [0, 0, 0];
  for (const i of orderOf(labels, 0, 'weighted')) counts[labels[i]![0]!]! += 1;
  assert.ok(
    counts.every((count) => Math.abs(count - 2000) < 200),
    counts.join(' '),
  );
  assert.deepEqual([...sampleWeights([[0], [0], [1, 0], []], 2)], [1 / 3, 1 / 3, 1, 1 / 4]);
});

test("class weights are scikit-learn's balanced ones", () => {
  // compute_class_weight('balanced', classes=[0, 1, 2], y=[0]*5 + [1]*3 + [2]*2)
  const labels = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2].map((label) => [label]);
  const expected = [0.6666666666666666, 1.1111111111111112, 1.6666666666666667];
  assert.deepEqual(classWeights(labels, 3), Float32Array.from(expected));
  assert.deepEqual(classWeights(labels, 4)[3], 0);
});
