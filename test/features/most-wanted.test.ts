// Which pictures are wanted: by hand, in two dimensions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostWanted } from '../../src/features/most-wanted.ts';

const unit = (angles: readonly number[]) =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)])); // prettier-ignore

interface Case {
  readonly angles: readonly number[];
  readonly unsure?: readonly number[];
  readonly labelled?: readonly number[];
  readonly count: number;
}

const wanted = ({ angles, unsure = angles.map(() => 1), labelled = [], count }: Case) =>
  mostWanted({ rows: unit(angles), numbers: 2, unsure: Float64Array.from(unsure) }, unit(labelled), count); // prettier-ignore

test('a picture in the middle of many comes before one that is alone, and the second is from elsewhere', () => {
  assert.deepEqual(wanted({ angles: [170, 0, 2, 4, 6, 8], count: 2 }), [3, 0]);
});

test('what is like the labelled is not wanted', () => {
  assert.deepEqual(wanted({ angles: [0, 1, 2, 3, 90], labelled: [1.5], count: 1 }), [4]);
});

test('of two groups, the one that the network is unsure of', () => {
  assert.deepEqual(wanted({ angles: [0, 2, 90, 92], unsure: [0.1, 0.1, 0.9, 0.9], count: 1 }), [2]);
  assert.deepEqual(wanted({ angles: [0, 2, 90, 92], unsure: [0.9, 0.9, 0.1, 0.1], count: 1 }), [1]);
});

test('copies are not wanted twice', () => {
  assert.deepEqual(wanted({ angles: [90, 90, 60], labelled: [0], count: 2 }), [0, 2]);
});

test('all where more are asked for; none of none; many are thinned', () => {
  assert.deepEqual(new Set(wanted({ angles: [0, 30, 60], unsure: [0, 0, 0], count: 9 })), new Set([0, 1, 2])); // prettier-ignore
  assert.deepEqual(wanted({ angles: [], count: 3 }), []);
  const many = wanted({ angles: Array.from({ length: 9000 }, (_, i) => i / 100), count: 5 });
  assert.equal(new Set(many).size, 5);
});
