// The linear head: its minimum is a minimum, it separates what can be separated, and it is the same every time.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { predictions } from '../../src/evaluation/metrics.ts';
import { applyHead } from '../../src/train/head-stage.ts';
import { trainLinearHead, type LinearHead } from '../../src/train/linear-head.ts';
import { uniform } from '../helpers/lcg.ts';

const NUMBERS = 12;
const CLASSES = 3;

/** Clouds around a corner for each class. @param noise how far they reach */
function clouds(count: number, noise: number) {
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES);
  const rows = Float32Array.from({ length: count * NUMBERS }, (_, i) => {
    const [n, d] = [Math.floor(i / NUMBERS), i % NUMBERS];
    return (d % CLASSES === labels[n] ? 1 : 0) + noise * (uniform(7, i) - 0.5) + 5;
  });
  return { rows, numbers: NUMBERS, labels, classes: CLASSES };
}

const accuracy = (head: LinearHead, { rows, labels }: ReturnType<typeof clouds>) => {
  const logits = applyHead(head, { rows, labels: labels.map((label) => [label]) });
  const said = predictions({ logits, classes: CLASSES });
  return said.filter((name, i) => name === labels[i]).length / labels.length;
};

/** N times the mean cross-entropy + |standardised kernel|^2 / 2, from the head as it is given. */
function objective({ kernel, bias }: LinearHead, { rows, labels }: ReturnType<typeof clouds>): number {
  const count = labels.length;
  const deviations = Array.from({ length: NUMBERS }, (_, d) => {
    const column = labels.map((_, n) => rows[n * NUMBERS + d]!);
    const mean = column.reduce((a, b) => a + b) / count;
    return Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count);
  });
  let loss = 0;
  for (let n = 0; n < count; n++) {
    const logits = [...bias].map((b, k) =>
      rows
        .subarray(n * NUMBERS, (n + 1) * NUMBERS)
        .reduce((sum, x, d) => sum + x * kernel[d * CLASSES + k]!, b),
    );
    loss += Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[labels[n]!]!;
  }
  return loss + kernel.reduce((sum, w, i) => sum + (w * deviations[Math.floor(i / CLASSES)]!) ** 2, 0) / 2;
}

/** Mean cross-entropy. */
function meanLoss(head: LinearHead, { rows, labels }: ReturnType<typeof clouds>): number {
  const logits = applyHead(head, { rows, labels: labels.map((label) => [label]) });
  const losses = labels.map((label, n) => {
    const row = [...logits.subarray(n * CLASSES, (n + 1) * CLASSES)];
    const highest = Math.max(...row);
    return Math.log(row.reduce((sum, x) => sum + Math.exp(x - highest), 0)) + highest - row[label]!;
  });
  return losses.reduce((a, b) => a + b) / losses.length;
}

describe('linear head', () => {
  test('clouds that do not overlap are told apart, on rows it has not seen too', () => {
    const head = trainLinearHead(clouds(90, 0.8));
    assert.equal(accuracy(head, clouds(300, 0.8)), 1);
  });

  test('no step in any direction makes the objective smaller', () => {
    const data = clouds(60, 4);
    const head = trainLinearHead(data, { tolerance: 1e-8, maxIterations: 1000 });
    const best = objective(head, data);
    for (let i = 0; i < head.kernel.length + head.bias.length; i++) {
      for (const step of [-0.02, 0.02]) {
        const moved = { ...head, kernel: head.kernel.slice(), bias: head.bias.slice() };
        if (i < head.kernel.length) moved.kernel[i]! += step;
        else moved.bias[i - head.kernel.length]! += step;
        assert.ok(objective(moved, data) >= best - 1e-4, `parameter ${i}`);
      }
    }
  });

  test('the same numbers every time; a constant feature and a single class do no harm', () => {
    const data = clouds(60, 3);
    assert.deepEqual(trainLinearHead(data), trainLinearHead(data));
    const constant = { ...data, rows: data.rows.map((x, i) => (i % NUMBERS === 0 ? 3 : x)) };
    assert.ok(trainLinearHead(constant).kernel.every(Number.isFinite));
    const single = { ...data, labels: data.labels.map(() => 0), classes: 1 };
    assert.ok(trainLinearHead(single).bias.every(Number.isFinite));
  });

  test('a unit that hardly moved while it was learnt from does not run away on new rows', () => {
    const [seen, fresh] = [clouds(90, 4), clouds(600, 4)];
    const rare = new Set([0, 5, 10]);
    // Nearly still in training, by class all the same; as lively as the others on new rows.
    const still = seen.rows.map((x, i) => (rare.has(i % NUMBERS) ? x * 1e-4 : x));
    const shifted = fresh.rows.map((x, i) => (rare.has(i % NUMBERS) ? x * 0.5 : x));
    const head = trainLinearHead({ ...seen, rows: still });
    assert.ok(
      meanLoss(head, { ...fresh, rows: shifted }) < 1.5,
      `${meanLoss(head, { ...fresh, rows: shifted })}`,
    );
  });
});
