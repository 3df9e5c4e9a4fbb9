// A run's settings in words: what has no effect on the run is not said.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsInWords } from '../../src/api/finetune/settings-in-words.ts';
import { finetuneConfig } from '../../src/config/finetune.ts';
import type { FinetuneFlags } from '../../src/config/finetune-settings.ts';

function words(flags: Partial<FinetuneFlags>, about = { isSplit: false, multiLabel: false }) {
  const { model, settings } = finetuneConfig('birds', { model: 'resnet18', ...flags } as FinetuneFlags);
  return Object.fromEntries(settingsInWords({ model, settings, ...about, continuedAfter: [] }));
}

test('a run of the head alone says nothing of stage 2', () => {
  assert.deepEqual(words({ epochs: '0' }), {
    'started from': 'resnet18',
    recipe: 'default',
    'stage 1, the head': 'trained until it converged, C 1',
    'stage 2, all weights': 'left out',
    seed: '0',
  });
  assert.match(words({ epochs: '0', featureMirror: true })['head takes']!, /mirror image/);
});

test('the default recipe and flags that change it', () => {
  const usual = words({});
  assert.deepEqual(usual['optimizer'], 'AdamW');
  assert.equal(usual['learning rate'], '0.0001, falling along a cosine, growing from 0 over the first epoch');
  assert.equal(usual['loss'], 'cross-entropy');
  for (const absent of [
    'label smoothing',
    'class weights',
    'sampler',
    'stops early',
    'set aside to judge by',
  ])
    assert.ok(!(absent in usual), absent);
  const changed = words(
    {
      momentum: '0.9',
      schedule: 'step',
      gamma: '0.5',
      patience: '1',
      labelSmoothing: '0.1',
      augment: 'none',
    },
    { isSplit: true, multiLabel: false },
  );
  assert.equal(changed['optimizer'], 'SGD, momentum 0.9');
  assert.match(changed['learning rate']!, /times 0\.5 every 10 epochs/);
  assert.equal(changed['stops early'], 'after 1 epoch without improvement');
  assert.equal(changed['label smoothing'], '0.1');
  assert.equal(changed['augmentation'], 'no augmentation');
  assert.equal(changed['set aside to judge by'], '20 % of the pictures');
  assert.equal(words({}, { isSplit: false, multiLabel: true })['loss'], 'bce-logits');
});
