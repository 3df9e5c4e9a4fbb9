// One network of each family with made-up weights: its last layer with places, and a map of the right shape.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { evidenceIn } from '../../src/graph/evidence.ts';
import { elementCount, formatShape } from '../../src/util/shape.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const ONE_OF_EACH = [
  'alexnet', 'bninception', 'convnext_atto', 'densenet121', 'efficientnet_b0', 'efficientnet_lite0', 'efficientnet_v2_s', 'googlenet',
  'inception_resnet_v2', 'inception_v3', 'inception_v4', 'legacy_seresnet18', 'legacy_xception', 'mnasnet0_5', 'mobilenet_v2',
  'mobilenet_v3_small', 'nasnetamobile', 'overfeat_fast', 'pnasnet5large', 'regnet_y_400mf', 'resnet18', 'seresnet50', 'shufflenet_v2_x0_5',
  'squeezenet1_1', 'vgg11_bn', 'xception41',
]; // prettier-ignore

describe('a map of every family', () => {
  for (const name of ONE_OF_EACH) {
    test(name, async () => {
      const graph = findArchitecture(name).build(7);
      const input = graph.layers.find((layer) => layer.name === graph.input);
      assert.ok(input?.kind === 'input');
      const [height, width] = input.shape as readonly [number, number];
      const evidence = evidenceIn(graph);
      assert.ok(evidence?.kind === 'places');
      const { border, back, shape } = evidence.cut;
      assert.ok(shape[0]! >= 4 && shape[1]! >= 4, formatShape(shape));
      const weights = madeUpWeights(graph);
      const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
      const predictor = await engine.load({ graph, weights, ...HALF }, { outputs: [border] });
      const [places] = await predictor.run({
        data: madeUpPixels(name, height, width),
        count: 1,
        height,
        width,
      });
      const slopes = await engine.slopes({ graph: back, weights });
      const slope = await slopes.of(places!.data, Float32Array.of(0, 1, 0, 0, 0, 0, 0));
      assert.equal(slope.length, elementCount(shape));
      assert.ok(slope.every(Number.isFinite));
      assert.ok(slope.some((value) => value !== 0));
      await slopes.dispose();
      await predictor.dispose();
    });
  }
});
