// Poolings as `graphBuilder` writes them, with torch's padding and ceil_mode, against the definition: every window, place by place.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF } from '../helpers/made-up-model.ts';
import { createReferenceEngine } from '../helpers/reference-engine.ts';

interface Pooling {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pad: readonly [number, number];
  readonly ceil: boolean;
}

/** How many windows torch puts on a side: with ceil_mode one that begins behind the picture and its padding is left out. */
function places(length: number, axis: 0 | 1, { kernel, stride, pad, ceil }: Pooling): number {
  const [window, step, zeros] = [kernel[axis], stride[axis], pad[axis]];
  const count = (ceil ? Math.ceil : Math.floor)((length + 2 * zeros - window) / step) + 1;
  return ceil && (count - 1) * step >= length + zeros ? count - 1 : count;
}

/** @param x `[size,size,3]`; `reduce` gets a window's numbers, and how many places of it lie within the padding's outer edge. */
function pooled(
  x: Float32Array,
  size: number,
  pooling: Pooling,
  reduce: (numbers: number[], places: number) => number,
) {
  const { kernel, stride, pad } = pooling;
  const result: number[] = [];
  for (let row = 0; row < places(size, 0, pooling); row++) {
    for (let column = 0; column < places(size, 1, pooling); column++) {
      for (let channel = 0; channel < 3; channel++) {
        const numbers: number[] = [];
        for (let i = 0; i < kernel[0]; i++) {
          for (let j = 0; j < kernel[1]; j++) {
            const [y, z] = [row * stride[0] - pad[0] + i, column * stride[1] - pad[1] + j];
            if (y >= 0 && y < size && z >= 0 && z < size) numbers.push(x[(y * size + z) * 3 + channel]!);
          }
        }
        result.push(reduce(numbers, kernel[0] * kernel[1]));
      }
    }
  }
  return result;
}

const side = fc.integer({ min: 1, max: 4 });
const window = fc
  .record({
    size: fc.integer({ min: 5, max: 9 }),
    kernel: fc.tuple(side, side),
    stride: fc.tuple(side, side),
    pad: fc.tuple(fc.nat(1), fc.nat(1)),
    ceil: fc.boolean(),
    isPositive: fc.boolean(),
  })
  .filter(({ kernel, pad }) => [0, 1].every((axis) => 2 * pad[axis]! <= kernel[axis]!));

const isCentred = ({ kernel, pad }: Pooling) => [0, 1].every((axis) => 2 * pad[axis]! + 1 === kernel[axis]);

test('a maximum pads as torch does, also where numbers are negative', async () => {
  const engines = [await createOnnxEngine({ device: 'cpu' }), await createReferenceEngine()];
  const able = window.filter(({ isPositive, ...pooling }) => {
    const { kernel, stride, pad, ceil } = pooling;
    const fits = [0, 1].every((axis) => kernel[axis]! >= stride[axis]! + pad[axis]!);
    return isPositive ? !ceil || fits : (isCentred(pooling) && !ceil) || (pad.every((n) => n === 0) && !ceil);
  });
  await fc.assert(
    fc.asyncProperty(able, async ({ size, isPositive, ...pooling }) => {
      const b = graphBuilder('pool', size);
      const from = isPositive ? b.activation(b.input, 'relu', 'relu') : b.input;
      const graph = b.build(b.maxPooling2d(from, 'pool', pooling));
      const x = pixelsOf(size).map((value) => (isPositive ? Math.max(0, value) : value));
      const expected = pooled(x, size, pooling, (numbers) => Math.max(...numbers));
      for (const engine of engines) await compare(engine, graph, size, expected);
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});

test('a mean counts the zeros of torch’s padding', async () => {
  const engines = [await createOnnxEngine({ device: 'cpu' }), await createReferenceEngine()];
  await fc.assert(
    fc.asyncProperty(window, async ({ size, isPositive: _, ...rest }) => {
      const pooling = { ...rest, ceil: false };
      const b = graphBuilder('pool', size);
      const graph = b.build(b.averagePooling2d(b.input, 'pool', pooling));
      const sum = (numbers: readonly number[]) => numbers.reduce((a, c) => a + c, 0);
      const expected = pooled(pixelsOf(size), size, pooling, (numbers, count) => sum(numbers) / count);
      for (const engine of engines) await compare(engine, graph, size, expected);
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});

test('what padding of zeros cannot say is refused when the graph is written', () => {
  const b = graphBuilder('pool', 8);
  const options = { kernel: 3, stride: 2, ceil: true };
  assert.throws(() => b.maxPooling2d(b.input, 'pool', options), /'pool' pads numbers that may be negative/);
  const relu = b.activation(b.input, 'relu', 'relu');
  assert.throws(
    () => b.maxPooling2d(relu, 'pool', { ...options, kernel: 1 }),
    /at least stride \+ pad, received 1x1/,
  );
});

const pixels = (size: number) => madeUpPixels('pooling', size, size);

/** As an engine normalises them with `HALF`. */
const pixelsOf = (size: number) => Float32Array.from(pixels(size), (value) => (value / 255 - 0.5) / 0.25);

async function compare(
  engine: Awaited<ReturnType<typeof createReferenceEngine>>,
  graph: Graph,
  size: number,
  expected: readonly number[],
) {
  const predictor = await engine.load({ graph, weights: new Map(), ...HALF });
  const [result] = await predictor.run({ data: pixels(size), count: 1, height: size, width: size });
  assertAllClose(result!.data, Float32Array.from(expected), { rtol: 1e-5, atol: 1e-6 });
  await predictor.dispose();
}
