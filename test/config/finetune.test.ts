// finetune-config.test.ts: what nobody gave follows from what was given.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finetuneConfig } from '../../src/config/finetune.ts';
import { applyOverrides } from '../../src/config/preprocessing.ts';
import type { FinetuneFlags } from '../../src/config/finetune-settings.ts';

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

test('a flag that would be ignored is refused, and the message names what it belongs to', () => {
  const cases: readonly (readonly [Partial<FinetuneFlags>, RegExp])[] = [
    [{ augment: 'none', colorJitter: '0.4' }, /--color-jitter belongs to --augment basic.*received --augment none/],
    [{ raN: '3' }, /--ra-n belongs to --augment randaugment, received --augment basic/],
    [{ augment: 'trivialaugment', raM: '3' }, /--ra-m belongs to --augment randaugment, received --augment trivialaugment/],
    [{ augment: 'none', headViews: '2' }, /--head-views belongs to/],
    [{ stepSize: '3' }, /--step-size belongs to --schedule step, received --schedule cosine/],
    [{ gamma: '0.5', schedule: 'onecycle' }, /--gamma belongs to --schedule step, exponential, plateau/],
    [{ schedulePatience: '3', schedule: 'step' }, /--schedule-patience belongs to --schedule plateau/],
    [{ minLr: '0.001', schedule: 'constant' }, /--min-lr belongs to/],
    [{ headC: '2', headLr: '0.1' }, /--head-c belongs to.*--head-lr/],
    [{ headC: '2', recipe: 'tutorial' }, /--head-c belongs to.*--recipe tutorial/],
    [{ headLr: '0.1', headEpochs: '0' }, /--head-lr belongs to stage 1.*--head-epochs 0/],
    [{ lr: '0.1', epochs: '0' }, /--lr belongs to stage 2.*--epochs 0/],
    [{ mixup: '0.1', epochs: '0' }, /--mixup belongs to stage 2/],
    [{ augment: 'randaugment', epochs: '0' }, /--augment belongs to stage 2 or --head-views/],
    [{ labelSmoothing: '0.1', loss: 'bce' }, /--label-smoothing belongs to --loss cross-entropy, received --loss bce/],
    [{ classWeights: true, loss: 'bce' }, /--class-weights belongs to --loss cross-entropy or bce-logits/],
  ]; // prettier-ignore
  for (const [flags, message] of cases) assert.throws(() => settings(flags), message, JSON.stringify(flags));
});

test('flags that mean something together are taken, and so is a 0 that asks for nothing', () => {
  const cases: readonly Partial<FinetuneFlags>[] = [
    { recipe: 'tutorial', stepSize: '3', gamma: '0.5', minLr: '0.0001', momentum: '0.5' },
    { augment: 'randaugment', raN: '3', raM: '5', colorJitter: '0.2', randomErasing: '0.5', minCrop: '0.5' },
    { epochs: '0', headViews: '2', augment: 'randaugment', raN: '1' },
    { epochs: '0', headC: '0.1', labelSmoothing: '0.1' },
    { headC: 'auto', classWeights: true },
    { headC: '0.1', loss: 'bce-logits' },
    { schedule: 'plateau', schedulePatience: '3', gamma: '0.5' },
    { augment: 'none', colorJitter: '0', randomErasing: '0' },
    { epochs: '0', findLr: true, optimizer: 'sgd' },
  ];
  for (const flags of cases) assert.ok(settings(flags), JSON.stringify(flags));
});

test('a share of a picture so small that the whole would have more pixels than a model folder may ask for', () => {
  const own = { size: 224, resize: 256, mode: 'crop', interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] } as const;
  const model = { name: 'net', size: 224 };
  assert.equal(applyOverrides(own, { crop: 0.06 }, model).resize, 3733);
  assert.equal(applyOverrides(own, { crop: 0.05 }, { ...model, isKept: false }).resize, 4480);
  assert.equal(applyOverrides({ ...own, mode: 'pad' }, { size: 4000 }, model).resize, 4096);
  assert.throws(() => applyOverrides(own, { crop: 0.01 }, model), /--crop would resize pictures to 22400 pixels/);
  assert.throws(() => applyOverrides(own, { size: 4000 }, model), /--feature-size would resize pictures to 4571 pixels/);
}); // prettier-ignore
