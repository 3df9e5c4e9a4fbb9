// The linear head: its minimum is a minimum, it separates what can be separated, and it is the same every time.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { predictions } from '../../src/evaluation/metrics.ts';
import { applyHead } from '../../src/train/head-stage.ts';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { trainLinearHead, type LinearHead } from '../../src/train/linear-head.ts';
import { uniform } from '../helpers/lcg.ts';

const engine = await createOnnxEngine({ device: 'cpu' });

const NUMBERS = 12;
const CLASSES = 3;

/** Clouds around a corner for each class. @param noise how far they reach */
function clouds(count: number, noise: number) {
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES);
  const rows = Float32Array.from({ length: count * NUMBERS }, (_, i) => {
    const [n, d] = [Math.floor(i / NUMBERS), i % NUMBERS];
    return (d % CLASSES === labels[n] ? 1 : 0) + noise * (uniform(7, i) - 0.5) + 5;
  });
  return { rows, numbers: NUMBERS, labels, targets: { classes: labels }, classes: CLASSES };
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
  test('clouds that do not overlap are told apart, on rows it has not seen too', async () => {
    const head = await trainLinearHead(engine, clouds(90, 0.8));
    assert.equal(accuracy(head, clouds(300, 0.8)), 1);
  });

  test('no step in any direction makes the objective smaller', async () => {
    const data = clouds(60, 4);
    const head = await trainLinearHead(engine, data, { tolerance: 1e-8, maxIterations: 1000 });
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

  test('the same numbers every time; a constant feature and a single class do no harm', async () => {
    const data = clouds(60, 3);
    assert.deepEqual(await trainLinearHead(engine, data), await trainLinearHead(engine, data));
    const constant = { ...data, rows: data.rows.map((x, i) => (i % NUMBERS === 0 ? 3 : x)) };
    assert.ok((await trainLinearHead(engine, constant)).kernel.every(Number.isFinite));
    const single = { ...data, targets: { classes: data.labels.map(() => 0) }, classes: 1 };
    assert.ok((await trainLinearHead(engine, single)).bias.every(Number.isFinite));
  });

  test('a unit that hardly moved while it was learnt from does not run away on new rows', async () => {
    const [seen, fresh] = [clouds(90, 4), clouds(600, 4)];
    const rare = new Set([0, 5, 10]);
    // Nearly still in training, by class all the same; as lively as the others on new rows.
    const still = seen.rows.map((x, i) => (rare.has(i % NUMBERS) ? x * 1e-4 : x));
    const shifted = fresh.rows.map((x, i) => (rare.has(i % NUMBERS) ? x * 0.5 : x));
    const head = await trainLinearHead(engine, { ...seen, rows: still });
    assert.ok(
      meanLoss(head, { ...fresh, rows: shifted }) < 1.5,
      `${meanLoss(head, { ...fresh, rows: shifted })}`,
    );
  });

  test('a penalty is chosen: strong for clouds that overlap, weak for clouds that do not, and the usual one where nothing can be set aside', async () => {
    const [blurred, clear] = [clouds(60, 8), clouds(60, 0.2)];
    const strong = await trainLinearHead(engine, blurred, { c: 'auto' });
    const weak = await trainLinearHead(engine, clear, { c: 'auto' });
    assert.ok(strong.c < weak.c, `${strong.c} ${weak.c}`);
    const fresh = clouds(900, 8);
    const usual = await trainLinearHead(engine, blurred, { c: 10 });
    assert.ok(meanLoss(strong, fresh) < meanLoss(usual, fresh));
    assert.equal((await trainLinearHead(engine, clouds(CLASSES, 1), { c: 'auto' })).c, 1);
  });

  test('views of one picture are set aside together: copies of every row choose the penalty of the rows', async () => {
    const data = clouds(60, 8);
    const twice = {
      ...data,
      rows: Float32Array.from([...data.rows, ...data.rows]),
      targets: { classes: [...data.labels, ...data.labels] },
    };
    const pictures = Array.from({ length: 120 }, (_, n) => n % 60);
    const once = await trainLinearHead(engine, data, { c: 'auto' });
    const both = await trainLinearHead(engine, twice, { c: 'auto', pictures });
    // Twice the errors, so half the weight of each: the next smaller of the values that are tried, or the same.
    assert.ok(both.c <= once.c && both.c >= once.c / 4, `${once.c} ${both.c}`);
  });

  test('several labels: each is the logistic regression of its own', async () => {
    const data = clouds(60, 6);
    const probabilities = new Float32Array(60 * CLASSES);
    data.labels.forEach((own, n) => {
      probabilities[n * CLASSES + own] = 1;
      if (n % 4 === 0) probabilities[n * CLASSES + ((own + 1) % CLASSES)] = 1;
    });
    const loss = { kind: 'bce-logits' } as const;
    const exact = { loss, tolerance: 1e-7, maxIterations: 1000 };
    const all = await trainLinearHead(engine, { ...data, targets: { probabilities } }, exact);
    for (let k = 0; k < CLASSES; k++) {
      const own = probabilities.filter((_, at) => at % CLASSES === k);
      const one = await trainLinearHead(
        engine,
        { ...data, classes: 1, targets: { probabilities: own } },
        exact,
      );
      one.kernel.forEach((w, d) => assert.ok(Math.abs(w - all.kernel[d * CLASSES + k]!) < 1e-3, `${k} ${d}`));
      assert.ok(Math.abs(one.bias[0]! - all.bias[k]!) < 1e-2);
    }
  });

  test('class weights: a class that weighs twice is as if each of its pictures were there twice', async () => {
    const data = clouds(45, 6);
    const doubled = data.labels.flatMap((own, n) => (own === 0 ? [n, n] : [n]));
    const copies = {
      ...data,
      rows: Float32Array.from(
        doubled.flatMap((n) => [...data.rows.subarray(n * NUMBERS, (n + 1) * NUMBERS)]),
      ),
      targets: { classes: doubled.map((n) => data.labels[n]!) },
    };
    const exact = { tolerance: 1e-7, maxIterations: 1000 };
    const weighted = await trainLinearHead(engine, data, {
      ...exact,
      // The penalty is against the mean loss times the number of rows.
      c: copies.targets.classes.length / data.labels.length,
      loss: { kind: 'cross-entropy', classWeights: [2, 1, 1] },
    });
    const repeated = await trainLinearHead(engine, copies, exact);
    const said = (head: LinearHead) => [
      ...applyHead(head, { rows: data.rows, labels: data.labels.map((own) => [own]) }),
    ];
    // Standardised by other means and deviations, so not to the last digit.
    const [one, other] = [said(weighted), said(repeated)];
    const scale = Math.max(...other.map(Math.abs));
    one.forEach((x, i) => assert.ok(Math.abs(x - other[i]!) < 0.05 * scale, `${x} ${other[i]}`));
  });
});
