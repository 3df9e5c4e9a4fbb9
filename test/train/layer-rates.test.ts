// layer-rates.test.ts: rates that fall from the head to the picture, a block at a time.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blocksOf } from '../../src/graph/blocks.ts';
import { withInputSize } from '../../src/graph/new-head.ts';
import { layerRates, ratesOf } from '../../src/train/layer-rates.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';

const size = [96, 96] as const;
const resnet18 = () => withInputSize(findArchitecture('resnet18').build(7), size);

describe('rates by layers', () => {
  it("ResNet-18's blocks are its stem, its residual blocks and its classifier; every layer is in one", () => {
    const blocks = blocksOf(resnet18(), size);
    assert.equal(blocks.length, 10);
    assert.ok(blocks[0]!.includes('conv1') && blocks[0]!.includes('maxpool'));
    assert.ok(blocks[1]!.every((name) => name.startsWith('layer1.0.')));
    assert.ok(blocks[8]!.includes('layer4.1.conv2') && !blocks[8]!.includes('fc'));
    assert.ok(blocks[9]!.includes('fc'));
    assert.deepEqual(
      blocks.flat(),
      resnet18().layers.map(({ name }) => name),
    );
  });

  it("EfficientNet-Lite0's are its stem, its sixteen blocks, its last convolution and its classifier, blocks without a skip too", () => {
    const blocks = blocksOf(withInputSize(findArchitecture('efficientnet_lite0').build(7), size), size);
    assert.equal(blocks.length, 19);
    assert.ok(
      blocks[2]!.every((name) => name.startsWith('blocks.1.')),
      blocks[2]!.join(' '),
    );
  });

  it("ConvNeXt's blocks, several of one stage, are not taken together", () => {
    const blocks = blocksOf(withInputSize(findArchitecture('convnext_tiny').build(7), size), size);
    assert.ok(blocks.length >= 18, `${blocks.length}`);
  });

  it('each block has a share of the rate of the block behind it, and layers that do not learn are in none', () => {
    const all = layerRates(resnet18(), { decay: 0.5, trainFrom: undefined, size });
    assert.deepEqual(all.shares, [9, 8, 7, 6, 5, 4, 3, 2, 1].map((power) => 0.5 ** power)); // prettier-ignore
    const some = layerRates(resnet18(), { decay: 0.5, trainFrom: 'layer4', size });
    assert.deepEqual(some.shares, [0.25, 0.5]);
    assert.ok(some.groups.flat().every((name) => name.startsWith('layer4.') || name === 'avgpool' || name === 'flatten')); // prettier-ignore
    assert.deepEqual(ratesOf(0.1, [0.5]), [0.1, 0.05]);
    assert.deepEqual(ratesOf(0.1), [0.1]);
  });
});
