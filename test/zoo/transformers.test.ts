// Networks of the transformers library as their config.json describes them, against PyTorch. Goldens: test/golden/make_transformers.py.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { AppError } from '../../src/util/errors.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { TRANSFORMERS_NETWORKS } from '../../src/zoo/transformers/networks.ts';
import { weightsFromTorch } from '../../src/zoo/torch-weights.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { madeUpStateDict } from '../helpers/made-up-weights.ts';

interface Goldens {
  readonly torch: string;
  readonly transformers: string;
  readonly side: number;
  readonly cases: Readonly<Record<string, { readonly config: Config; readonly logits: readonly number[] }>>;
}
type Config = Readonly<Record<string, unknown>> & { readonly model_type: string };

const file = path.join(PACKAGE_ROOT, 'test', 'golden', 'transformers.json');
const goldens = JSON.parse(readFileSync(file, 'utf8')) as Goldens;
const read = (config: Config) => TRANSFORMERS_NETWORKS[config.model_type]!(config, 'config.json');

describe(`networks of transformers ${goldens.transformers}, PyTorch ${goldens.torch}`, () => {
  for (const [name, { config, logits }] of Object.entries(goldens.cases)) {
    test(name, async () => {
      const { network } = read(config);
      const { side } = goldens;
      const graph = network.build(logits.length);
      const naming = network.namings[1]!;
      const weights = weightsFromTorch(graph, madeUpStateDict(graph, naming), name, naming);
      const engine = await createOnnxEngine({ device: 'cpu' });
      const statistics = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
      const predictor = await engine.load({ graph, weights, ...statistics }, { size: [side, side] });
      const batch = { data: madeUpPixels('network', side, side), count: 1, height: side, width: side };
      const [output] = await predictor.run(batch);
      await predictor.dispose();
      assertAllClose(output!.data, logits, { rtol: 1e-4 }, 'logits');
    });
  }

  test('a published config is the network of the zoo', () => {
    const sizes = { embedding_size: 64, hidden_sizes: [64, 128, 256, 512], depths: [2, 2, 2, 2] };
    assert.equal(read({ model_type: 'resnet', ...sizes, layer_type: 'basic' }).known, 'resnet18');
    assert.equal(read({ model_type: 'resnet' }).known, 'resnet50');
    assert.equal(read({ model_type: 'mobilenet_v2' }).known, undefined, 'its padding is not torch');
  });

  for (const [what, config, message] of [
    ['grey pictures', { model_type: 'resnet', num_channels: 1 }, /num_channels: .*3/],
    ['an activation that finch lacks', { model_type: 'convnext', hidden_act: 'quick_gelu' }, /hidden_act: /],
    ['dilated convolutions', { model_type: 'mobilenet_v2', output_stride: 8 }, /output_stride: .*32/],
    ['a maximum for the mean', { model_type: 'efficientnet', pooling_type: 'max' }, /pooling_type: /],
    ['a billion layers', { model_type: 'resnet', depths: [1e9, 1, 1, 1] }, /depths\.0: /],
    [
      'a billion layers by a factor',
      { model_type: 'efficientnet', depth_coefficient: 64, num_block_repeats: [256, 2, 2, 3, 3, 4, 1] },
      /num_block_repeats: .*256 blocks/,
    ],
    ['widths beyond memory', { model_type: 'regnet', hidden_sizes: [1e9] }, /hidden_sizes\.0: /],
    ['lists that differ', { model_type: 'convnext', depths: [1, 1] }, /hidden_sizes and depths differ/],
    [
      'windows of one pixel',
      { model_type: 'efficientnet', kernel_sizes: [1, 3, 5, 3, 5, 5, 3] },
      /kernel_sizes\.0: /,
    ],
    ['no numbers', { model_type: 'regnet', layer_type: 'z' }, /layer_type: /],
  ] as const) {
    test(`${what}: one line that names the field`, () => {
      assert.throws(
        () => read(config),
        (error) => {
          assert.ok(error instanceof AppError && error.code === 'FILE_INVALID', String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
