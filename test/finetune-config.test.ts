// finetune-config.test.ts: rates that nobody gave: by optimizer, and by what the network is made of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleFor } from '../src/commands/finetune/network.ts';
import { finetuneConfig, type FinetuneFlags } from '../src/finetune-config.ts';
import { findArchitecture } from '../src/zoo/registry.ts';

const RESNET = findArchitecture('resnet18').build(2);
const LITE = findArchitecture('efficientnet_lite0').build(2);

function rates(flags: Partial<FinetuneFlags>): readonly number[] {
  const { settings } = finetuneConfig('birds', { model: 'resnet18', exif: true, ...flags });
  return [RESNET, LITE].map((graph) => scheduleFor(settings, graph).rate);
}

test('a rate that is not given suits the optimizer and the network, one that is given stays', () => {
  assert.deepEqual(rates({}), [0.005, 0.001]);
  assert.deepEqual(rates({ optimizer: 'adamw' }), [1e-4, 1e-4]);
  assert.deepEqual(rates({ lr: '0.5' }), [0.5, 0.5]);
  assert.deepEqual(rates({ recipe: 'tutorial' }), [0.001, 0.001]);
});
