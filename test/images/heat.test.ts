// heat.ts and the region that a network sees: where a map lies on a picture, and what stays as it was.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { upsampled, withHeat } from '../../src/images/heat.ts';
import { preprocess, seenRegion } from '../../src/images/preprocess.ts';
import type { Preprocessing } from '../../src/util/preprocessing.ts';

const CROP: Preprocessing = {
  size: 32,
  resize: 40,
  mode: 'crop',
  interpolation: 'bilinear',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** Black, with a white square of this side. */
function withSquare(width: number, height: number, { x, y, side }: Record<'x' | 'y' | 'side', number>) {
  const data = new Uint8Array(width * height * 3);
  for (let row = y; row < y + side; row++)
    data.fill(255, (row * width + x) * 3, (row * width + x + side) * 3);
  return { data, width, height };
}

/** The middle of all that is bright, in pixels from the upper left edge. */
function middleOf(data: Uint8Array, width: number): readonly [x: number, y: number] {
  let [sum, x, y] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 3) {
    sum += data[i]!;
    x += data[i]! * (((i / 3) % width) + 0.5);
    y += data[i]! * (Math.floor(i / 3 / width) + 0.5);
  }
  return [x / sum, y / sum];
}

describe('the region that a network sees', () => {
  const cases: readonly [string, readonly [number, number], Partial<Preprocessing>][] = [
    ['a wide picture, cropped', [300, 200], {}],
    ['a tall one', [200, 300], {}],
    ['a panorama', [900, 150], {}],
    ['squashed', [300, 200], { mode: 'squash' }],
    ['squashed and cropped', [300, 200], { mode: 'squash-crop' }],
    ['with bars', [300, 200], { mode: 'pad' }],
    ['smaller than the crop', [30, 30], { resize: 24 }],
    ['not square', [300, 200], { size: [24, 36] }],
  ];
  for (const [name, [width, height], other] of cases) {
    test(name, () => {
      const preprocessing = { ...CROP, ...other };
      const square = { x: Math.round(width / 2), y: Math.round(height / 3), side: Math.round(height / 6) };
      const picture = withSquare(width, height, square);
      const bars = { ...preprocessing, mean: [0, 0, 0] as const };
      const pixels = preprocess(picture, bars);
      const { left, top, ...region } = seenRegion(picture, preprocessing);
      const [rows, columns] = typeof preprocessing.size === 'number' ? [preprocessing.size, preprocessing.size] : preprocessing.size; // prettier-ignore
      const [x, y] = middleOf(pixels, columns);
      const found = [left + (x / columns) * region.width, top + (y / rows) * region.height];
      const expected = [square.x + square.side / 2, square.y + square.side / 2];
      const pixel = Math.max(region.width / columns, region.height / rows);
      found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 0.35 * pixel, `${found.join()}, expected ${expected.join()}`)); // prettier-ignore
    });
  }
});

describe('heat', () => {
  test('lies where the map is large; the rim that the network did not see stays as it was', () => {
    const grey = { data: new Uint8Array(60 * 40 * 3).fill(100), width: 60, height: 40 };
    const map = Float32Array.of(0, 0, 0, 9);
    const region = { left: 100, top: 0, width: 400, height: 400 };
    const heated = withHeat(grey, { width: 600, height: 400 }, { map, shape: [2, 2], region });
    const at = (x: number, y: number) => heated.data.subarray((y * 60 + x) * 3, (y * 60 + x) * 3 + 3);
    assert.deepEqual([...at(9, 39)], [100, 100, 100]);
    assert.deepEqual([...at(50, 39)], [100, 100, 100]);
    assert.deepEqual([...at(12, 3)], [100, 100, 100]);
    assert.ok(at(48, 38)[0]! > 150 && at(48, 38)[2]! < 80);
    assert.ok(
      grey.data.every((value) => value === 100),
      'the picture that was given stays',
    );
  });

  test('a map that speaks only against the class draws nothing', () => {
    const grey = { data: new Uint8Array(300).fill(100), width: 10, height: 10 };
    const region = { left: 0, top: 0, width: 10, height: 10 };
    const heated = withHeat(grey, grey, { map: Float32Array.of(-1, 0, -2, -3), shape: [2, 2], region });
    assert.deepEqual(heated.data, grey.data);
  });

  test('between cells the map is bicubic, and its cells keep their value', () => {
    const map = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i * 7));
    const middles = (cells: number) => Float64Array.from({ length: cells }, (_, i) => i + 0.5);
    const values = upsampled({ map, shape: [3, 4] }, middles(3), middles(4));
    map.forEach((value, i) => assert.ok(Math.abs(value - values[i]!) < 1e-6));
    const level = upsampled({ map: new Float32Array(12).fill(2), shape: [3, 4] }, Float64Array.of(0, 1.3, 3), Float64Array.of(0.2, 3.9)); // prettier-ignore
    for (const value of level) assert.ok(Math.abs(value - 2) < 1e-6);
  });
});
