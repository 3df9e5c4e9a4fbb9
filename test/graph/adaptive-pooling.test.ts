// Means to one size from pictures of any size, beside torch's definition of adaptive pooling.

import { test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { adaptiveMean } from '../../src/graph/adaptive-pooling.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Size2d } from '../../src/graph/layers.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';

/** Place i of n: the mean from floor(i m / n) to ceil((i + 1) m / n). */
function expected(pixels: Uint8Array, [height, width]: Size2d, [rows, columns]: Size2d): Float64Array {
  const range = (i: number, from: number, to: number) =>
    [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)] as const;
  const means = new Float64Array(rows * columns * 3);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [top, bottom] = range(row, height, rows);
      const [left, right] = range(column, width, columns);
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += pixels[(y * width + x) * 3 + channel]! / 255;
        }
        means[(row * columns + column) * 3 + channel] = sum / ((bottom - top) * (right - left));
      }
    }
  }
  return means;
}

for (const [from, to] of [
  [
    [7, 7],
    [7, 7],
  ],
  [
    [14, 7],
    [7, 7],
  ],
  [
    [8, 8],
    [7, 7],
  ],
  [
    [9, 12],
    [7, 6],
  ],
  [
    [3, 20],
    [7, 6],
  ],
  [
    [1, 1],
    [6, 6],
  ],
] as const) {
  // prettier-ignore
  test(`${from.join('x')} to ${to.join('x')}`, async () => {
    const b = graphBuilder('adaptive', from);
    const graph = b.build(b.flatten(adaptiveMean(b, b.input, 'mean', to), 'flat'));
    const engine = await createOnnxEngine({ device: 'cpu' });
    const predictor = await engine.load({ graph, weights: new Map(), mean: [0, 0, 0], std: [1, 1, 1] }, {});
    const [height, width] = from;
    const data = madeUpPixels('adaptive', height, width);
    const [means] = await predictor.run({ data, count: 1, height, width });
    assertAllClose(means!.data, expected(data, from, to), { atol: 1e-6 }, 'means');
    await predictor.dispose();
  });
}
