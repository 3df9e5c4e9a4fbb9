// Which classes of a model a dataset's class names mean.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchClasses } from '../../src/api/classes.ts';
import { imagenetLabels } from '../../src/labels.ts';

test("ImageNet's classes by English or Chinese name, WordNet id, or number", async () => {
  const labels = await imagenetLabels();
  const match = (...names: string[]) => matchClasses(names, labels, 'net');
  assert.deepEqual(
    match('goldfish', 'n01440764', '大白鲨', 'Tiger_Shark', 'n01494475_hammerhead'),
    [1, 0, 2, 3, 4],
  );
  assert.deepEqual(match('7', '12'), [7, 12]);
  assert.throws(() => match('goldfish', '7'), /does not know the class "7"/);
  assert.throws(() => match('goldfsh', 'hen'), /"goldfsh" \(nearest: goldfish/);
  assert.throws(
    () => match('CARDIGAN', 'hen'),
    /2 classes called "CARDIGAN" \(264, 474\); name the folder by n\d{8}/,
  );
  assert.throws(() => match('goldfish', 'n01443537'), /are both the model's goldfish; merge them/);
});
