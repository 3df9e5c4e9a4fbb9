// units.test.ts: which layers are computed with bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphBuilder } from '../../src/graph/builder.ts';
import { refusalOf } from '../../src/quantization/agreement.ts';
import { bytePlaces } from '../../src/quantization/units.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';

test('ResNet-18: every convolution but the first, every sum; ranges of what stands between them', () => {
  const { build, classifier } = findArchitecture('resnet18');
  const { inputs, ranged } = bytePlaces(build(1000), classifier);
  assert.equal(inputs.size, 19);
  assert.equal(inputs.get('layer1.0.conv1'), 'maxpool');
  assert.equal(inputs.has('conv1'), false);
  // The relu behind a convolution or a sum is what is kept of them.
  assert.ok(ranged.has('layer1.0.relu') && !ranged.has('layer1.0.bn1') && ranged.has('layer1.0.relu_1'));
});

test('a network without convolutions behind its first has no place for bytes', () => {
  const b = graphBuilder('flat', 16);
  const x = b.conv2d(b.input, 'patches', { filters: 32, kernel: 4, stride: 4 });
  const graph = b.build(b.dense(b.globalAveragePooling2d(b.dense(x, 'mixed', 32), 'mean'), 'fc', 3));
  assert.equal(bytePlaces(graph).inputs.size, 0);
});

test('bytes are adopted only where they are faster, for one picture and for many, and agree', () => {
  assert.equal(refusalOf({ agreement: 0.97, speed: { one: 1.1, batch: 1.2 } }), undefined);
  assert.match(refusalOf({ agreement: 0.965, speed: { one: 2, batch: 2 } })!, /only 96.5 %/);
  assert.match(refusalOf({ agreement: 1, speed: { one: 1.5, batch: 0.9 } })!, /0.90 times for a batch/);
});
