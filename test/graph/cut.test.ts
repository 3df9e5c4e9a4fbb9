// cut.test.ts: a network in two parts, one behind the other.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { cutBefore, cutPlaces } from '../../src/graph/cut.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { withInputSize } from '../../src/graph/new-head.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { createRng } from '../../src/util/rng.ts';
import { HALF, madeUpWeights } from '../helpers/made-up-model.ts';

const SIDE = 96;

const networkOf = (name: string) => withInputSize(findArchitecture(name).build(7), [SIDE, SIDE]);

describe('cut', () => {
  test('ResNet-18 can be cut at its stem, behind each block and at its end, and nowhere inside a block', () => {
    const places = cutPlaces(networkOf('resnet18'));
    const inModules = places.map(({ border }) => border).filter((border) => border.startsWith('layer'));
    const blocks = [1, 2, 3, 4].flatMap((layer) => [0, 1].map((block) => `layer${layer}.${block}`));
    assert.deepEqual(inModules, blocks.flatMap((block) => [`${block}.add`, `${block}.relu_1`])); // prettier-ignore
    assert.ok(places.every(({ share }, i) => i === 0 || share <= places[i - 1]!.share));
    assert.equal(cutBefore(networkOf('resnet18'), 'layer4.0.conv2')!.border, 'layer3.1.relu_1');
  });

  for (const name of ['resnet18', 'efficientnet_lite0', 'densenet121', 'googlenet', 'convnext_atto']) {
    test(`${name}: both parts one behind the other give what the whole gives`, async () => {
      const graph = networkOf(name);
      const shapes = inferShapes(graph);
      const places = cutPlaces(graph);
      const { first } = places.find(({ share, shape }) => share < 0.35 && shape.length === 3)!;
      const { front, back, border, shape } = cutBefore(graph, first)!;
      assert.deepEqual(inferShapes(front).get(border), shapes.get(border));
      assert.deepEqual(inferShapes(back).get(back.output), shapes.get(graph.output));
      const weights = madeUpWeights(graph);
      const rng = createRng(5).fork('pixels');
      const data = Uint8Array.from({ length: 2 * SIDE * SIDE * 3 }, () => rng.integer(256));
      const pixels = { data, count: 2, height: SIDE, width: SIDE };
      const engine = await createOnnxEngine({ device: 'cpu' });
      const run = async (part: typeof graph, batch: Parameters<Awaited<ReturnType<typeof engine.load>>['run']>[0]) => {
        const predictor = await engine.load({ graph: part, weights, ...HALF });
        const [output] = await predictor.run(batch);
        await predictor.dispose();
        return output!;
      }; // prettier-ignore
      const whole = await run(graph, pixels);
      const maps = await run(front, pixels);
      assert.deepEqual(maps.shape, [2, ...shape]);
      const both = await run(back, { data: maps.data, count: 2 });
      const largest = Math.max(...whole.data.map(Math.abs));
      both.data.forEach((x, i) => assert.ok(Math.abs(x - whole.data[i]!) <= 1e-5 * largest, `${x}`));
    });
  }

  test('nothing can be computed once before the first layer', () => {
    const graph = networkOf('resnet18');
    assert.equal(cutBefore(graph, graph.layers[1]!.name), undefined);
  });
});
