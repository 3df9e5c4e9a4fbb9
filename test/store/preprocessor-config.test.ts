// preprocessor_config.json: what transformers' processors write becomes what finch does, or is refused by the name of the field.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isReversed, readPreprocessorConfig } from '../../src/store/preprocessor-config.ts';
import { AppError } from '../../src/util/errors.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';

const STATISTICS = { image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.25, 0.3], resample: 2 };
const read = (json: object) => readPreprocessorConfig({ ...STATISTICS, ...json }, 'preprocessor_config.json');

describe('sizes', () => {
  for (const [what, json, expected] of [
    ['height and width', { size: { height: 224, width: 224 } }, { size: 224, resize: 224, mode: 'squash' }],
    ['not square', { size: { height: 96, width: 128 } }, { size: [96, 128], resize: 96, mode: 'squash' }],
    [
      'a number, to ViT a square',
      { feature_extractor_type: 'ViTFeatureExtractor', size: 224 },
      { size: 224, resize: 224, mode: 'squash' },
    ],
    [
      'a number, to CLIP the short side',
      { feature_extractor_type: 'CLIPFeatureExtractor', size: 256, do_center_crop: true, crop_size: 224 },
      { size: 224, resize: 256, mode: 'crop' },
    ],
    [
      'a short side and a crop',
      { size: { shortest_edge: 256 }, do_center_crop: true, crop_size: { height: 224, width: 224 } },
      { size: 224, resize: 256, mode: 'crop' },
    ],
    [
      "ConvNeXt's rule below 384",
      { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 224 }, crop_pct: 0.875 },
      { size: 224, resize: 256, mode: 'crop' },
    ],
    [
      'its usual share, and a number',
      { feature_extractor_type: 'ConvNextFeatureExtractor', size: 288 },
      { size: 288, resize: 329, mode: 'crop' },
    ],
    [
      'from 384 on',
      { image_processor_type: 'ConvNextImageProcessorFast', size: { shortest_edge: 384 }, crop_pct: 0.875 },
      { size: 384, resize: 384, mode: 'squash' },
    ],
    [
      "PoolFormer's share",
      {
        size: { shortest_edge: 224 },
        crop_pct: 0.9,
        do_center_crop: true,
        crop_size: { height: 224, width: 224 },
      },
      { size: 224, resize: 248, mode: 'crop' },
    ],
    [
      "LeViT's share, which its file does not have",
      {
        image_processor_type: 'LevitImageProcessor',
        size: { shortest_edge: 224 },
        do_center_crop: true,
        crop_size: 224,
      },
      { size: 224, resize: 256, mode: 'crop' },
    ],
    [
      "DeiT's: everything to a square, then the middle",
      { size: { height: 256, width: 256 }, do_center_crop: true, crop_size: { height: 224, width: 224 } },
      { size: 224, resize: 256, mode: 'squash-crop' },
    ],
    [
      'a crop of the whole',
      { size: { height: 224, width: 224 }, do_center_crop: true, crop_size: { height: 224, width: 224 } },
      { size: 224, resize: 224, mode: 'squash' },
    ],
  ] as const) {
    test(what, () => {
      const { size, resize, mode, cropOffset } = read(json);
      assert.deepEqual({ size, resize, mode }, expected);
      assert.equal(cropOffset, mode.endsWith('crop') ? 'down' : undefined);
    });
  }
});

describe('pixels', () => {
  /** What the library's steps make of a byte, written out. */
  const steps = (byte: number, c: number, json: Readonly<Record<string, unknown>>) => {
    const { image_mean: mean, image_std: std } = STATISTICS;
    let value =
      json['do_rescale'] === false
        ? byte
        : byte * ((json['rescale_factor'] as number | undefined) ?? 1 / 255);
    if (json['rescale_offset'] === true) value -= 1;
    if (json['do_normalize'] !== false) value = (value - mean[c]!) / std[c]!;
    return json['include_top'] === true ? value / std[c]! : value;
  };
  for (const json of [
    {},
    { do_normalize: false },
    { do_rescale: false },
    { rescale_factor: 1 / 127.5, rescale_offset: true, do_normalize: false },
    { rescale_factor: 1 / 127.5, rescale_offset: true, include_top: true },
    { include_top: true },
  ]) {
    test(JSON.stringify(json), () => {
      const { mean, std } = read({ ...json, size: { height: 8, width: 8 } });
      for (const byte of [0, 100, 255]) {
        const actual = mean.map((value, c) => (byte / 255 - value) / std[c]!);
        assertAllClose(actual, mean.map((_, c) => steps(byte, c, json)), { rtol: 1e-9, atol: 1e-9 }); // prettier-ignore
      }
    });
  }

  test('what a kind of processor does where its file does not say it', () => {
    const size = { height: 8, width: 8 };
    const { mean, std } = read({ size, image_processor_type: 'MobileViTImageProcessor' });
    assert.deepEqual([mean, std], [[0, 0, 0], [1, 1, 1]]); // prettier-ignore
    const efficientnet = { size, image_processor_type: 'EfficientNetImageProcessor' };
    assert.deepEqual(read(efficientnet), read({ ...efficientnet, include_top: true }));
    // Without any number: (x / 255 - 0.5) / 0.5 / 0.5.
    const bare = readPreprocessorConfig(efficientnet, 'preprocessor_config.json');
    assert.deepEqual([bare.mean, bare.std], [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]); // prettier-ignore
  });

  test('the order of colours', () => {
    const mobilevit = { image_processor_type: 'MobileViTImageProcessor' };
    const orders = [{ do_flip_channel_order: true }, { do_flip_channel_order: false }, {}, null, mobilevit, { ...mobilevit, do_flip_channel_order: false }]; // prettier-ignore
    assert.deepEqual(orders.map(isReversed), [true, false, false, false, true, false]);
  });

  test('a share of a picture that would be larger than any', () => {
    const { resize } = read({ size: { shortest_edge: 64 }, crop_pct: 1e-9, do_center_crop: true, crop_size: 64 }); // prettier-ignore
    assert.equal(resize, 4096);
  });

  test('filters by their numbers', () => {
    const size = { height: 8, width: 8 };
    assert.equal(read({ size }).interpolation, 'bilinear');
    for (const [resample, name] of ['nearest', 'lanczos', 'bilinear', 'bicubic'].entries()) {
      assert.equal(read({ size, resample }).interpolation, name);
    }
  });
});

describe('refused by name', () => {
  const size = { height: 8, width: 8 };
  for (const [json, message] of [
    [{ size, resample: 4 }, /'resample' is 4, box, and finch has/],
    [{ size, resample: 9 }, /'resample' is 9, and/],
    [{ size, do_resize: false }, /'do_resize' is false/],
    [{ size, do_pad: true }, /'do_pad' is true/],
    [{}, /it has no 'size'/],
    [{ size: { shortest_edge: 224 } }, /every picture would have another shape/],
    [{ size: { shortest_edge: 800, longest_edge: 1333 } }, /'longest_edge'/],
    [
      { size: { height: 256, width: 192 }, do_center_crop: true, crop_size: 160 },
      /'size' is not a square, and is cropped/,
    ],
    [{ size: { shortest_edge: 64 }, do_center_crop: true, crop_size: 72 }, /larger than the resized picture/],
    [
      { size: { height: 64, width: 64 }, do_center_crop: true, crop_size: 72 },
      /larger than the resized picture/,
    ],
    [{ size: { shortest_edge: 64 }, do_center_crop: true }, /without a 'crop_size'/],
    [{ size: 1e9 }, /size: /],
    [{ size, image_mean: [0.5, 0.5] }, /image_mean: /],
    [{ size, image_std: 0 }, /image_std: /],
    [{ size, do_flip_channel_order: 'true' }, /do_flip_channel_order: /],
    [{ size, rescale_factor: 1e-320 }, /give no numbers that can be computed with/],
    [{ size, image_std: 1e-320, include_top: true }, /give no numbers that can be computed with/],
    [[], /not as transformers writes it/],
  ] as const) {
    test(JSON.stringify(json), () => {
      assert.throws(
        () => (Array.isArray(json) ? readPreprocessorConfig(json, 'preprocessor_config.json') : read(json)),
        (error) => {
          assert.ok(error instanceof AppError, String(error));
          assert.match(error.message, message);
          assert.match(error.message, /^preprocessor_config\.json[^\n]{1,400}$/);
          return true;
        },
      );
    });
  }
});
