// Neighbours, pooling, suspects and alignment: against the plain way of computing the same.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { align, ALIGNMENT_SIDE, greyOf, viewsOf } from '../../src/features/alignment.ts';
import { nearestRows } from '../../src/features/nearest.ts';
import { findNeighbours } from '../../src/features/neighbours.ts';
import { pooled, pooledShape } from '../../src/features/pooling.ts';
import { normalized } from '../../src/util/dot.ts';
import { suspectLabels } from '../../src/features/suspects.ts';
import { npyBytes, npyHeader, openNpy } from '../../src/formats/npy.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels, uniform } from '../helpers/lcg.ts';

const rowsOf = (seed: number, count: number, numbers: number) =>
  Array.from({ length: count }, (_, n) =>
    normalized(Float32Array.from({ length: numbers }, (_, d) => uniform(seed, n * numbers + d) - 0.4)),
  );
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

test('nearest rows of a file are those that sorting all gives, float16 too', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-nearest-'));
  try {
    const rows = rowsOf(3, 500, 30);
    const queries = [rows[17]!, ...rowsOf(4, 2, 30)];
    for (const [dtype, atol] of [
      ['float32', 1e-5],
      ['float16', 2e-3],
    ] as const) {
      // prettier-ignore
      const file = path.join(folder, `${dtype}.npy`);
      const bytes = rows.map((row) => npyBytes(dtype, row));
      await writeFile(file, Buffer.concat([npyHeader(dtype, rows.length, [30]), ...bytes]));
      const opened = await openNpy(file);
      const found = await nearestRows(opened, queries, { topk: 7 });
      await opened.close();
      assert.equal(found[0]![0]!.row, 17);
      queries.forEach((query, q) => {
        const expected = rows.map((row) => cosine(row, query)).toSorted((a, b) => b - a);
        assertAllClose(found[q]!.map(({ similarity }) => similarity), expected.slice(0, 7), { atol }); // prettier-ignore
      });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('all neighbours and close pairs are those of the plain way', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 150 }),
      fc.integer({ min: 1, max: 9 }),
      async (count, numbers) => {
        const rows = rowsOf(count, count, numbers);
        const data = new Float32Array(count * numbers);
        rows.forEach((row, i) => data.set(row, i * numbers));
        const k = 3;
        const { similarities, pairs } = await findNeighbours({ count, numbers, data }, { k, close: 0.9 });
        let close = 0;
        rows.forEach((row, i) => {
          const others = rows
            .flatMap((other, j) => (j === i ? [] : [cosine(row, other)]))
            .toSorted((a, b) => b - a);
          close += others.filter((similarity) => similarity >= 0.9 + 1e-5).length;
          const expected = others.slice(0, k);
          assertAllClose(similarities.subarray(i * k, i * k + expected.length), expected, { atol: 1e-5 });
        });
        assert.ok(Math.abs(pairs.length - close / 2) <= 1, `${pairs.length} pairs, expected ${close / 2}`);
      },
    ),
    { numRuns: 20 },
  );
});

describe('pooling', () => {
  const values = Float32Array.from([1, 10, 2, 20, 3, 30, 6, 40]);
  test('avg, max and none of [2,2,2]; vectors stay as they are', () => {
    assert.deepEqual([...pooled(values, [2, 2, 2], 'avg')], [3, 25]);
    assert.deepEqual([...pooled(values, [2, 2, 2], 'max')], [6, 40]);
    assert.deepEqual([...pooled(values, [2, 2, 2], 'none')], [...values]);
    assert.deepEqual([...pooled(values, [8], 'avg')], [...values]);
    assert.deepEqual([pooledShape([2, 2, 2], 'avg'), pooledShape([2, 2, 2], 'none'), pooledShape([8], 'max')], [[2], [2, 2, 2], [8]]); // prettier-ignore
  });
  test('normalized rows have length 1; zeros stay zeros', () => {
    assert.ok(Math.abs(Math.hypot(...normalized(values)) - 1) < 1e-6);
    assert.deepEqual([...normalized(new Float32Array(3))], [0, 0, 0]);
  });
});

test('a label among neighbours of another class is the suspect; copies do not vouch for each other', async () => {
  // Two clouds; row 0 lies in the second and says it is of the first, and so does its copy, row 1.
  const classes = [0, 0, ...Array.from({ length: 20 }, (_, i) => i % 2)];
  const rows = classes.map((label, i) => {
    const cloud = i < 2 ? 1 : label;
    const spread = (d: number) => (i < 2 ? 0.3 : uniform(i, d)) / 5;
    return normalized(Float32Array.from([cloud + spread(0), 1 - cloud + spread(1), spread(2)]));
  });
  const data = new Float32Array(rows.flatMap((row) => [...row]));
  const neighbours = await findNeighbours({ count: rows.length, numbers: 3, data }, { k: 5, close: 2 });
  const suspects = suspectLabels(neighbours, classes, (a, b) => a < 2 && b < 2);
  assert.deepEqual(suspects.map(({ row, suggested }) => [row, suggested]), [[0, 1], [1, 1]]); // prettier-ignore
});

test('alignment: a crop of 5 % and a mirrored copy are the same picture, another is not', () => {
  const side = ALIGNMENT_SIDE;
  const draw = (at: (x: number, y: number) => readonly [number, number]) => {
    const pixels = new Uint8Array(side * side * 3);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const [u, v] = at(x / side, y / side);
        pixels.fill(128 + 60 * Math.sin(9 * u + 4 * v) + 60 * Math.cos(13 * v * u), 3 * (y * side + x), 3 * (y * side + x) + 3); // prettier-ignore
      }
    }
    return viewsOf(greyOf(pixels));
  };
  const whole = draw((x, y) => [x, y]);
  const cropped = draw((x, y) => [0.05 + 0.9 * x, 0.05 + 0.9 * y]);
  const mirrored = draw((x, y) => [1 - x, y]);
  assert.ok(align(whole, cropped).correlation > 0.99);
  assert.ok(align(cropped, whole).correlation > 0.99);
  assert.deepEqual(
    [align(whole, mirrored).isMirrored, align(whole, mirrored).correlation > 0.99],
    [true, true],
  );
  assert.ok(align(whole, viewsOf(greyOf(madeUpPixels('noise', side, side)))).correlation < 0.5);
  assert.equal(align(viewsOf(greyOf(new Uint8Array(side * side * 3))), whole).correlation, 0);
});
