// timm's config.json: how it says that pictures are prepared.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../../src/util/errors.ts';
import { readTimmConfig } from '../../src/store/hub/timm.ts';

const CONFIG = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], input_size: [3, 224, 224], crop_pct: 0.875 };
const read = (own: object) => {
  const { preprocessing } = readTimmConfig(
    { architecture: 'resnet18', pretrained_cfg: { ...CONFIG, ...own } },
    'config.json',
  );
  const { size, resize, mode, interpolation } = preprocessing!;
  return { size, resize, mode, interpolation };
};

describe('crop_mode', () => {
  for (const [own, expected] of [
    [{}, { size: 224, resize: 256, mode: 'crop' }],
    [{ crop_mode: 'squash' }, { size: 224, resize: 256, mode: 'squash-crop' }],
    [
      { crop_mode: 'squash', crop_pct: 1 },
      { size: 224, resize: 224, mode: 'squash-crop' },
    ],
    [{ crop_mode: 'border' }, { size: 224, resize: 256, mode: 'pad' }],
    [
      { input_size: [3, 1, 1], crop_pct: 2 },
      { size: 1, resize: 1, mode: 'crop' },
    ],
    [{ input_size: [3, 96, 128] }, { size: [96, 128], resize: 109, mode: 'squash' }],
  ] as const) {
    test(JSON.stringify(own), () => assert.deepEqual(read(own), { ...expected, interpolation: 'bicubic' }));
  }
});

test('the oldest form, with everything at the top', () => {
  const { labels, preprocessing } = readTimmConfig({ architecture: 'resnet18', labels: ['a', 'b'], ...CONFIG }, 'config.json'); // prettier-ignore
  assert.deepEqual([labels, preprocessing?.resize], [['a', 'b'], 256]);
});

test('filters by their names, and what is none of these', () => {
  for (const interpolation of ['nearest', 'lanczos', 'bilinear', 'bicubic']) {
    assert.equal(read({ interpolation }).interpolation, interpolation);
  }
  for (const own of [{ interpolation: 'box' }, { crop_mode: 'constructor' }, { crop_pct: 3 }]) {
    const [field] = Object.keys(own) as [string];
    assert.throws(
      () => read(own),
      (error) => error instanceof AppError && error.message.includes(`pretrained_cfg.${field}: `),
    );
  }
});
