// head-checkpoint: a process that dies between the tensors and the record leaves the former state of the descent.

import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { headPaths, readDescent, saveDescent } from '../../src/run/head-checkpoint.ts';

test('tensors of a later step leave those that the record names as they are', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'finch-descent-'));
  const paths = headPaths(folder);
  const at = (iterations: number) => {
    const point = Float64Array.of(iterations, 1);
    return { point, gradient: point, pairs: [], value: iterations, iterations };
  };
  try {
    await saveDescent(paths, at(2), 1);
    await copyFile(paths.descent, `${paths.descent}.former`);
    await saveDescent(paths, at(4), 2);
    assert.deepEqual((await readDescent(paths, 2))!.descent.point, at(4).point);
    await copyFile(`${paths.descent}.former`, paths.descent);
    const { descent } = (await readDescent(paths, 2))!;
    assert.deepEqual([descent.point, descent.iterations], [at(2).point, 2]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
