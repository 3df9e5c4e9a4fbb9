// Which pictures are wanted: by hand, in two dimensions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostWanted } from '../../src/features/most-wanted.ts';

const unit = (...angles: readonly number[]) =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)])); // prettier-ignore
const wanted = (angles: readonly number[], unsure: readonly number[], labelled: readonly number[], count: number) =>
  mostWanted({ rows: unit(...angles), numbers: 2, unsure: Float64Array.from(unsure) }, unit(...labelled), count); // prettier-ignore

test('the farthest from what is labelled comes first, then the farthest from both', () => {
  assert.deepEqual(wanted([0, 80, 90, 45], [1, 1, 1, 1], [0], 4), [2, 3, 1, 0]);
});

test('of pictures that are equally far, the one that the network is unsure of', () => {
  assert.deepEqual(wanted([90, 90], [0.1, 0.9], [0], 1), [1]);
});

test('copies are not wanted twice', () => {
  assert.deepEqual(wanted([90, 90, 60], [1, 1, 0.5], [0], 2), [0, 2]);
});

test('all where more are asked for, and without anything labelled', () => {
  assert.deepEqual(new Set(wanted([0, 30, 60], [0, 0, 0], [], 9)), new Set([0, 1, 2]));
  assert.deepEqual(wanted([], [], [], 3), []);
});
