// The curvature's estimate: exact where it can be, and what it is for: correlated features.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { inverseCurvature } from '../../src/train/curvature.ts';
import { trainLinearHead } from '../../src/train/linear-head.ts';
import { rowProducts } from '../../src/train/row-products.ts';
import { createRng } from '../../src/util/rng.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

const engine = await createOnnxEngine({ device: 'cpu' });

/** Rows whose features are mixtures of causes, each of which varies by this share of the one before. */
function mixtures(count: number, numbers: number, share: number, seed: number): Float32Array {
  const rng = createRng(seed);
  const mixing = Float64Array.from({ length: numbers * numbers }, () => rng.normal());
  const rows = new Float32Array(count * numbers);
  for (let n = 0; n < count; n++) {
    for (let cause = 0; cause < numbers; cause++) {
      const value = rng.normal() * share ** cause;
      for (let d = 0; d < numbers; d++) rows[n * numbers + d]! += value * mixing[cause * numbers + d]!;
    }
  }
  return rows;
}

test('of a curvature that is c S + penalty the inverse is found', async () => {
  const [count, numbers, classes, c, penalty] = [50, 6, 3, 0.2, 0.01];
  const rows = mixtures(count, numbers, 0.25, 3);
  const products = await rowProducts(engine, rows, numbers);
  const kernelSize = classes * numbers;
  /** c S + penalty for each class, c for the bias, times a vector. */
  const curvature = (vector: Float64Array) =>
    vector.map((x, i) => {
      if (i >= kernelSize) return c * x;
      const [k, d] = [Math.floor(i / numbers), i % numbers];
      let sum = penalty * x;
      for (let n = 0; n < count; n++) {
        let along = 0;
        for (let j = 0; j < numbers; j++) along += rows[n * numbers + j]! * vector[k * numbers + j]!;
        sum += (c * along * rows[n * numbers + d]!) / count;
      }
      return sum;
    });
  const objective = (point: Float64Array) => Promise.resolve({ value: 0, gradient: curvature(point) });
  const point = new Float64Array(kernelSize + classes);
  const gradient = curvature(point);
  const inverse = await inverseCurvature({ objective, point, gradient, products, rows, numbers, penalty });
  assert.ok(inverse);
  await products.dispose();
  const rng = createRng(5);
  const vector = Float64Array.from(point, () => rng.normal());
  assertAllClose(Float32Array.from(inverse(curvature(vector))), Float32Array.from(vector), { rtol: 1e-2 });
});

test('a head on correlated features converges within 100 passes', async () => {
  const [count, numbers, classes] = [400, 96, 5];
  const rows = mixtures(count, numbers, 0.5, 7);
  const rng = createRng(11);
  const labels = Array.from({ length: count }, (_, n) => {
    const scores = Array.from({ length: classes }, (_, k) => rows[n * numbers + k]! + 3 * rng.normal());
    return scores.indexOf(Math.max(...scores));
  });
  const head = (maxIterations: number) =>
    trainLinearHead(engine, { rows, numbers, targets: { classes: labels }, classes }, { maxIterations, c: 10 }); // prettier-ignore
  const { iterations } = await head(2000);
  assert.ok(iterations > 40, `${iterations} passes: so few need no estimate`);
  assert.ok(iterations < 100, `${iterations} passes`);
});

test('features that are all 0 have no curvature: the head goes on without it', async () => {
  const [count, numbers, classes] = [1000, 8, 200];
  const rng = createRng(13);
  const labels = Array.from({ length: count }, () => Math.floor(classes * rng.uniform() ** 4));
  const rows = new Float32Array(count * numbers);
  const head = await trainLinearHead(engine, { rows, numbers, targets: { classes: labels }, classes }, { maxIterations: 400 }); // prettier-ignore
  assert.ok(head.iterations > 40, `${head.iterations} passes`);
  assert.ok(head.bias.every(Number.isFinite));
});
