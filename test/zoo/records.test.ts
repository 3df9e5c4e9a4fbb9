// Every record of the zoo: the graph it names exists, is sound, and has as many parameters as were published.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { countMultiplyAdds, countParameters } from '../../src/graph/cost.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { AppError } from '../../src/util/errors.ts';
import { ARCHITECTURE_NAMES, findArchitecture } from '../../src/zoo/architectures.ts';
import { findRecord, firstRecord, publishedRecords } from '../../src/zoo/published.ts';
import { transpose } from '../../src/util/shape.ts';
import { weightsFromTorch } from '../../src/zoo/torch-weights.ts';
import { madeUpStateDict } from '../helpers/made-up-weights.ts';

describe('records', () => {
  for (const record of publishedRecords()) {
    test(record.name, () => {
      const { build, classifier } = findArchitecture(record.architecture);
      const graph = build(1000);
      assert.equal(countParameters(graph), record.parameters);
      const { size: side } = record.preprocessing;
      assert.equal(countMultiplyAdds(graph, [side, side, 3]), record.multiplyAdds);
      assert.deepEqual(inferShapes(graph).get(graph.output), [1000]);
      assert.equal(graph.layers.find((layer) => layer.name === classifier)?.kind, 'dense');
      const { size, resize, mean, std } = record.preprocessing;
      assert.ok(size <= resize && [...mean, ...std].every((value) => value >= 0 && value <= 1));
      if (record.origin.kind === 'download') {
        assert.match(record.origin.url, new RegExp(`-${record.origin.sha256Prefix}\\.pth(\\.tar)?$`));
        assert.match(record.origin.sha256Prefix, /^[0-9a-f]{8,}$/);
      }
    });
  }

  test('names are unique, and a bare architecture is its newest weights', () => {
    assert.equal(new Set(publishedRecords().map((record) => record.name)).size, publishedRecords().length);
    assert.equal(findRecord('resnet50')?.name, 'resnet50.v2');
    assert.equal(findRecord('resnet18')?.name, 'resnet18.v1');
    assert.equal(findRecord('resnet50.v1')?.top1, 76.13);
    assert.equal(findRecord('constructor'), undefined);
    assert.equal(firstRecord('resnet50')?.name, 'resnet50.v1');
    assert.equal(firstRecord('constructor'), undefined);
  });

  test('an unknown architecture is met with the nearest one', () => {
    assert.throws(() => findArchitecture('resnet81'), /did you mean resnet18\?/);
    assert.throws(() => findArchitecture('toString'), AppError);
  });
});

// Published with torchvision's weights as GFLOPS, which are multiply-adds in 1e9.
for (const [name, billions] of [
  ['resnet18', 1.814],
  ['resnet34', 3.664],
  ['resnet50', 4.089],
  ['resnet101', 7.801],
  ['resnet152', 11.514],
  ['resnext50_32x4d', 4.23],
  ['alexnet', 0.714],
  ['vgg11', 7.609],
  ['vgg13_bn', 11.308],
  ['vgg16', 15.47],
  ['vgg19_bn', 19.632],
  ['googlenet', 1.498],
  ['inception_v3', 5.713],
  ['squeezenet1_0', 0.819],
  ['squeezenet1_1', 0.349],
  ['densenet121', 2.834],
  ['densenet161', 7.728],
  ['densenet169', 3.36],
  ['densenet201', 4.291],
  ['resnext101_32x8d', 16.414],
  ['resnext101_64x4d', 15.46],
  ['wide_resnet50_2', 11.398],
  ['convnext_tiny', 4.456],
  ['convnext_base', 15.355],
  ['shufflenet_v2_x0_5', 0.04],
  ['shufflenet_v2_x2_0', 0.583],
] as const) {
  test(`${name} takes ${billions} billion multiply-adds`, () => {
    const actual = countMultiplyAdds(findArchitecture(name).build(1000)) / 1e9;
    assert.ok(Math.abs(actual - billions) < 0.001, `${actual}`);
  });
}

test('every architecture takes any number of classes', () => {
  for (const name of ARCHITECTURE_NAMES) {
    const graph = findArchitecture(name).build(7);
    assert.deepEqual(inferShapes(graph).get(graph.output), [7]);
  }
});

test('weights are imported loudly: missing, left over, of another shape', () => {
  const graph = findArchitecture('resnet18').build(10);
  const whole = () => madeUpStateDict(graph);
  assert.equal(weightsFromTorch(graph, whole(), 'x').size, 102);

  const missing = whole();
  missing.delete('layer1.0.bn1.running_mean');
  assert.throws(
    () => weightsFromTorch(graph, missing, 'x.pth'),
    /x\.pth .* 1 weights are missing: layer1\.0\.bn1\.running_mean/,
  );

  const left = whole().set('extra.weight', { shape: [1], read: () => new Float32Array(1) });
  assert.throws(() => weightsFromTorch(graph, left, 'x.pth'), /1 are not in the graph: extra\.weight/);

  const other = whole().set('fc.weight', { shape: [1000, 512], read: () => new Float32Array(512000) });
  assert.throws(
    () => weightsFromTorch(graph, other, 'x.pth'),
    /'fc\.weight' is \[1000,512\], the graph expects \[10,512\]/,
  );

  const counted = whole().set('bn1.num_batches_tracked', { shape: [], read: () => new Float32Array(1) });
  assert.equal(weightsFromTorch(graph, counted, 'x').size, 102);
});

test('transpose', () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => i);
  assert.deepEqual([...transpose(values, [2, 12], [1, 0]).subarray(0, 4)], [0, 12, 1, 13]);
  const oihw = transpose(values, [2, 3, 2, 2], [2, 3, 1, 0]);
  assert.deepEqual([...oihw.subarray(0, 6)], [0, 12, 4, 16, 8, 20]);
});
