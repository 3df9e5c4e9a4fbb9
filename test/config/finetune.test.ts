// finetune-config.test.ts: what nobody gave follows from what was given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finetuneConfig, type FinetuneFlags } from '../../src/config/finetune.ts';

function settings(flags: Partial<FinetuneFlags>) {
  return finetuneConfig('birds', { model: 'resnet18', exif: true, ...flags }).settings;
}

test('a rate that is not given suits the optimizer, one that is given stays', () => {
  const rate = (flags: Partial<FinetuneFlags>) => settings(flags).schedule.rate;
  assert.equal(rate({}), 1e-4);
  assert.equal(rate({ optimizer: 'adam' }), 1e-4);
  assert.equal(rate({ optimizer: 'sgd' }), 0.005);
  assert.equal(rate({ lr: '0.5' }), 0.5);
  assert.equal(rate({ recipe: 'tutorial' }), 0.001);
  assert.equal(rate({ recipe: 'tutorial', optimizer: 'adamw' }), 2e-5);
});

test('SGD has momentum, whichever recipe it is in, and momentum is SGD; Adam has none', () => {
  const sgd = { kind: 'sgd', momentum: 0.9, weightDecay: 0 };
  assert.deepEqual(settings({ optimizer: 'sgd' }).optimizer, sgd);
  assert.deepEqual(settings({ recipe: 'tutorial' }).optimizer, sgd);
  assert.deepEqual(settings({ weightDecay: '0.01' }).optimizer, { kind: 'adamw', weightDecay: 0.01 });
  assert.deepEqual(settings({ momentum: '0.5' }).optimizer, { ...sgd, momentum: 0.5 });
  assert.equal(settings({ momentum: '0.5' }).schedule.rate, 0.005);
  assert.throws(() => settings({ momentum: '0.5', optimizer: 'adamw' }), /--momentum belongs to --optimizer sgd.*adamw/); // prettier-ignore
});
