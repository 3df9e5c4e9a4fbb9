// The head learnt from blocks: its gradient, its sums, and that it is the head of rows that are held.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { openBlockProducts } from '../../src/engine/onnx/block-products.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { predictions } from '../../src/evaluation/metrics.ts';
import { closedHead, scalingOf } from '../../src/train/closed-head.ts';
import { momentsOf, sumsBuilder } from '../../src/train/feature-sums.ts';
import { applyHead } from '../../src/train/head-stage.ts';
import { trainLinearHead } from '../../src/train/linear-head.ts';
import { spreadRows, type RowStream } from '../../src/train/row-stream.ts';
import { spdInverse } from '../../src/train/spd-inverse.ts';
import { standardize, unstandardized } from '../../src/train/standardize.ts';
import { streamedObjective, trainStreamedHead } from '../../src/train/streamed-head.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { uniform } from '../helpers/lcg.ts';

const NUMBERS = 10;
const CLASSES = 4;
const COUNT = 240;

/** Clouds that overlap; the first class has most rows. */
const labels = Int32Array.from({ length: COUNT }, (_, n) => (n % 7 < 3 ? 0 : n % CLASSES));
const rows = Float32Array.from({ length: COUNT * NUMBERS }, (_, i) => {
  const [n, d] = [Math.floor(i / NUMBERS), i % NUMBERS];
  return (d % CLASSES === labels[n] ? 0.6 : 0) + 2 * (uniform(3, i) - 0.5) + d;
});
const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
const products = await openBlockProducts(NUMBERS, 1);
after(() => products.dispose());

function streamOf(size: number): RowStream {
  return {
    count: COUNT,
    numbers: NUMBERS,
    async *blocks() {
      for (let from = 0; from < COUNT; from += size) {
        const to = Math.min(COUNT, from + size);
        yield { rows: rows.subarray(from * NUMBERS, to * NUMBERS), labels: labels.subarray(from, to) };
      }
    },
  };
}

async function momentsIn(size: number) {
  const builder = sumsBuilder(products, NUMBERS);
  for await (const block of streamOf(size).blocks()) await builder.add(block);
  return momentsOf(builder.sums(), [...Array(CLASSES).keys()]);
}
const moments = await momentsIn(64);
const alike = new Float32Array(CLASSES).fill(1);
const noPause = async () => {};
const job = { rows: streamOf(64), moments, products, loss: { own: 1, every: 0, weights: alike }, c: 0.1 };

const probabilities = (logits: Float32Array) => {
  const powers = logits.map(Math.exp);
  return powers.map((power, i) => {
    const from = i - (i % CLASSES);
    return power / powers.subarray(from, from + CLASSES).reduce((a, b) => a + b);
  });
};

describe('sums over blocks', () => {
  test('give the means and deviations of the rows that are held, however the blocks are cut', async () => {
    const held = standardize(rows, NUMBERS);
    for (const found of [moments, await momentsIn(17)]) {
      assertAllClose(found.mean, held.mean, { rtol: 1e-6, atol: 0 });
      assertAllClose(found.deviation, held.deviation, { rtol: 1e-5, atol: 0 });
    }
    const covariance = Float64Array.from(moments.covariance, (_, i) => {
      const [a, b] = [Math.floor(i / NUMBERS), i % NUMBERS];
      let sum = 0;
      for (let n = 0; n < COUNT; n++) sum += held.rows[n * NUMBERS + a]! * held.rows[n * NUMBERS + b]!;
      return sum / COUNT;
    });
    assertAllClose(moments.covariance, covariance, { rtol: 1e-5, atol: 1e-6 });
  });

  test('an inverse times its matrix is one; what is not positive definite has none', async () => {
    const matrix = Float64Array.of(4, 1, 0.5, 1, 3, 0.2, 0.5, 0.2, 2);
    const inverse = (await spdInverse(matrix, 3, noPause))!;
    const one = matrix.map((_, i) =>
      [0, 1, 2].reduce((sum, k) => sum + matrix[Math.floor(i / 3) * 3 + k]! * inverse[k * 3 + (i % 3)]!, 0),
    );
    assertAllClose(one, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), { rtol: 0, atol: 1e-12 });
    assert.equal(await spdInverse(Float64Array.of(1, 2, 2, 1), 2, noPause), undefined);
  });
});

describe('passes over blocks', () => {
  test('the gradient agrees with finite differences, with smoothing and class weights', async () => {
    const weights = Float32Array.of(0.5, 1, 2, 1.5);
    const objective = streamedObjective({ ...job, loss: { own: 0.9, every: 0.1 / CLASSES, weights } });
    const point = Float64Array.from({ length: (NUMBERS + 1) * CLASSES }, (_, i) => uniform(5, i) - 0.5);
    const { gradient } = await objective(point);
    for (const i of [0, 7, 23, 39, 40, 43]) {
      const at = async (by: number) => (await objective(point.map((x, j) => (j === i ? x + by : x)))).value;
      const slope = ((await at(0.01)) - (await at(-0.01))) / 0.02;
      assert.ok(Math.abs(slope - gradient[i]!) < 1e-4, `${i}: ${slope} and ${gradient[i]}`);
    }
  });

  test('the head is that of rows that are held', async () => {
    const limits = { tolerance: 1e-6, maxIterations: 500 };
    const held = await trainLinearHead(
      engine,
      { rows, numbers: NUMBERS, targets: { classes: labels }, classes: CLASSES },
      { c: 0.1, ...limits },
    );
    const known = { rows, labels: Array.from(labels, (label) => [label]) };
    const expected = probabilities(applyHead(held, known));
    for (const size of [64, 31]) {
      const { point } = await trainStreamedHead({ ...job, rows: streamOf(size) }, limits);
      const found = probabilities(applyHead(unstandardized(point, moments), known));
      assertAllClose(found, expected, { rtol: 0, atol: 1e-4 });
    }
  });

  test('a descent that goes on from where it stood ends where one does that was never stopped', async () => {
    const whole = await trainStreamedHead(job, { maxIterations: 12 });
    let stood: Parameters<typeof trainStreamedHead>[1]['from'];
    await trainStreamedHead(job, {
      maxIterations: 5,
      onIteration: async (descent) => void (stood = descent),
    });
    assert.equal(stood?.iterations, 5);
    const rest = await trainStreamedHead(job, { maxIterations: 12, from: stood });
    assert.deepEqual(rest.point, whole.point);
  });

  test('rows that are fewer than before are told', async () => {
    const fewer = { ...job, moments: { ...moments, count: COUNT + 1 } };
    await assert.rejects(streamedObjective(fewer)(new Float64Array((NUMBERS + 1) * CLASSES)), /240 rows were read, expected 241/); // prettier-ignore
  });
});

test('the head in closed form names as many rightly as one that converged', async () => {
  const { point } = await closedHead({
    moments,
    products,
    judged: streamOf(64),
    weights: alike,
    onTry() {},
    pause: noPause,
  });
  const right = async (of: Float64Array) => {
    const kernel = Float32Array.from(of.subarray(0, NUMBERS * CLASSES));
    const bias = Float32Array.from(of.subarray(NUMBERS * CLASSES));
    const logits = await products.logits(rows, scalingOf(moments), { kernel, bias });
    return predictions({ logits, classes: CLASSES }).filter((said, n) => said === labels[n]).length;
  };
  const converged = await trainStreamedHead({ ...job, c: 1 }, { maxIterations: 100 });
  const [closed, best] = [await right(point), await right(converged.point)];
  assert.ok(closed >= best - COUNT * 0.04, `${closed} and ${best} of ${COUNT}`);
});

test('a closed form of one row a class names each, and is heard between the rows of an inverse', async () => {
  const few = { rows: rows.subarray(0, 3 * NUMBERS), labels: Int32Array.of(0, 1, 2) };
  const builder = sumsBuilder(products, NUMBERS);
  await builder.add(few);
  const stream = { count: 3, numbers: NUMBERS, async *blocks() { yield few; } }; // prettier-ignore
  const own = { moments: momentsOf(builder.sums(), [0, 1, 2]), products, judged: stream, weights: [1, 1, 1], onTry() {} }; // prettier-ignore
  const { point } = await closedHead({ ...own, pause: noPause });
  const kernel = Float32Array.from(point.subarray(0, NUMBERS * 3));
  const bias = Float32Array.from(point.subarray(NUMBERS * 3));
  const logits = await products.logits(few.rows, scalingOf(own.moments), { kernel, bias });
  assert.deepEqual([...predictions({ logits, classes: 3 })], [0, 1, 2]);
  const pause = () => Promise.reject(new Error('interrupted'));
  await assert.rejects(closedHead({ ...own, pause }), /interrupted/);
});

test('rows are taken from all over a stream', async () => {
  const { rows: taken, labels: theirs } = await spreadRows(streamOf(64), 5);
  const places = [0, 48, 96, 144, 192];
  assert.deepEqual(
    [...theirs],
    places.map((n) => labels[n]!),
  );
  assert.deepEqual(taken.subarray(NUMBERS, 2 * NUMBERS), rows.subarray(48 * NUMBERS, 49 * NUMBERS));
  assert.equal((await spreadRows(streamOf(64), 1000)).labels.length, COUNT);
});
