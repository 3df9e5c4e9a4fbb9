// What spoke for a class: the map of a network that ends in a mean and a linear layer adds up to its score, slopes are those of finite
// differences, and a map lies where the network looked.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openModel, type ClassifiedRow } from 'finch';
import { openClassifier } from '../../src/api/ensemble.ts';
import { loadExplaining } from '../../src/api/explain.ts';
import { erasingMap } from '../../src/api/erasing.ts';
import { occlusionMap } from '../../src/api/occlusion.ts';
import { workOf } from '../../src/api/work.ts';
import { inferenceConfig } from '../../src/config/inference.ts';
import { selectEngine } from '../../src/engine/select.ts';
import { graphBuilder } from '../../src/graph/builder.ts';
import { evidenceIn } from '../../src/graph/evidence.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { classProbabilities } from '../../src/graph/output.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { madeUpWeights } from '../helpers/made-up-model.ts';
import { writePlacesModel, writeSmallModel } from '../helpers/small-model.ts';

let home = '';
const at = (...parts: readonly string[]) => path.join(home, ...parts);
before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'finch-explain-'));
});
after(() => rm(home, { recursive: true, force: true }));

describe('evidence', () => {
  for (const [name, border] of [
    ['efficientnet_lite0', 'bn1.relu6'],
    ['resnet18', 'layer4.1.relu_1'],
    ['vgg11', 'features.20'],
    ['convnext_atto', 'features.7.1.add'],
  ] as const) {
    test(`${name}: the last layer with places`, () => {
      const evidence = evidenceIn(findArchitecture(name).build(7));
      assert.ok(evidence?.kind === 'places');
      assert.equal(evidence.cut.border, border);
    });
  }

  test('a network without a convolution has none', () => {
    const b = graphBuilder('flat', 8);
    assert.equal(evidenceIn(b.build(b.dense(b.flatten(b.input, 'flatten'), 'fc', 3))), undefined);
  });
});

/** A small network's answers to one picture. */
async function explained(model: string) {
  const opened = await openClassifier(inferenceConfig([], { model, exif: true }), workOf({}));
  const classifier = await loadExplaining(opened, workOf({}));
  const image = { pixels: [madeUpPixels('picture', 24, 24)] };
  const [answer] = await classifier.answers([image]);
  const { row } = answer!;
  const probabilities = classProbabilities(classifier.output, row);
  const size = { width: 48, height: 24 };
  const explain = (index: number) => classifier.explain({ image, size, probabilities, index });
  const mapOf = (index: number) => classifier.mapOf!({ image, size, probabilities, index });
  return { opened, classifier, image, row, probabilities, explain, mapOf };
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

describe('maps', () => {
  test('a mean and a linear layer: the mean of the map and the bias are the score', async () => {
    await writeSmallModel(at('cam'));
    const { opened, row, explain, mapOf } = await explained(at('cam'));
    const { weights } = await opened.members[0]!.network.readWeights();
    const bias = weights.get('fc/bias')!.data;
    for (const index of row.keys()) {
      const { map, shape } = await mapOf(index);
      assert.deepEqual(shape, [6, 6]);
      assert.ok(Math.abs(mean(map) + bias[index]! - row[index]!) < 1e-4, `class ${index}`);
    }
    const { region } = await explain(0);
    assert.deepEqual(region, { left: 12, top: 0, width: 24, height: 24 });
    await opened.close();
  });

  test('a classifier of every place: the mean of the map is the score', async () => {
    await writePlacesModel(at('places'));
    const { opened, row, mapOf } = await explained(at('places'));
    for (const index of row.keys()) {
      const { map } = await mapOf(index);
      assert.ok(Math.abs(mean(map) - row[index]!) < 1e-4, `class ${index}`);
    }
    await opened.close();
  });

  for (const ending of ['softmax', 'sigmoid'] as const) {
    test(`${ending}: the map is of the numbers before it`, async () => {
      await writeSmallModel(at(ending), ending);
      await writeSmallModel(at('cam'));
      const [one, other] = [await explained(at(ending)), await explained(at('cam'))];
      const [{ map }, { map: expected }] = [await one.mapOf(2), await other.mapOf(2)];
      map.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-4));
      await one.opened.close();
      await other.opened.close();
    });
  }

  test('round by round: what is found first is hottest, and what is found after it is hidden comes next', async () => {
    const size = 40;
    const white = new Uint8Array(size * size * 3).fill(255);
    // The class is the upper left quarter, as long as it is seen, then the lower right one.
    const mapOf = async ({ image }: { readonly image: { readonly pixels: readonly Uint8Array[] } }) => {
      const isSeen = image.pixels[0]![0] === 0;
      return {
        map: isSeen ? Float32Array.of(1, 0, 0, 0) : Float32Array.of(0, 0, 0, 1),
        shape: [2, 2] as const,
      };
    };
    const pixels = white.slice();
    for (let y = 0; y < 12; y++) pixels.fill(0, y * size * 3, (y * size + 12) * 3);
    let runs = 0;
    const classifier = {
      answers: async (images: readonly unknown[]) => {
        runs += images.length;
        return [];
      },
    };
    const said = {
      image: { pixels: [pixels] },
      size: { width: size, height: size },
      probabilities: Float64Array.of(1),
      index: 0,
    };
    const { map, shape } = await erasingMap(said, { classifier, mapOf, preprocessing: { size } });
    assert.deepEqual([runs, ...shape], [8, 10, 10]);
    assert.equal(map.indexOf(Math.max(...map)), 0, 'the first');
    assert.ok(map[99]! > map[9]! && map[99]! > map[90]!, 'the second is hotter than what never spoke');
    for (const value of map) assert.ok(value >= 0 && value <= 1);
  });

  test('hidden patches: as many cells as said, and above 0 where the class lives', async () => {
    await writeSmallModel(at('cam'));
    const { opened, image, probabilities } = await explained(at('cam'));
    const size = 24;
    const colourOf = (pixels: Uint8Array, x: number, y: number) => pixels[(y * size + x) * 3]!;
    let runs = 0;
    // Its class is as probable as the pixel at (4, 13) is unlike the mean.
    const centre = colourOf(image.pixels[0]!, 4, 13);
    const classifier = {
      output: { activation: 'softmax', isBinary: false } as const,
      answers: async (images: readonly { readonly pixels: readonly Uint8Array[] }[]) => {
        runs += images.length;
        return images.map(({ pixels }) => ({ row: Float32Array.of(colourOf(pixels[0]!, 4, 13) === centre ? 0.9 : 0.1, 0.1) })); // prettier-ignore
      },
    };
    const said = { image, probabilities: Float64Array.of(0.9, 0.1), index: 0 };
    const { map, shape } = await occlusionMap(said, classifier, { size });
    assert.equal(probabilities.length, 7);
    assert.deepEqual([runs, ...shape], [81, 8, 8]);
    assert.equal(map.indexOf(Math.max(...map)), Math.floor(13 / 3) * 8 + Math.floor(4 / 3));
    assert.ok(Math.abs(map[0]!) < 1e-6);
    await opened.close();
  });

  test('the library: rows with the map, its shape and where it lies', async () => {
    await writeSmallModel(at('cam'));
    const model = await openModel(at('cam'));
    const picture = path.join('examples', 'book.png');
    for await (const row of model.classify(picture, { topk: 1, explain: true })) {
      const { explain, predictions } = row as ClassifiedRow;
      assert.ok(explain);
      assert.deepEqual([explain.shape, explain.map.length], [[6, 6], 36]);
      assert.equal(explain.index, predictions[0]!.index);
    }
    for await (const row of model.classify(picture)) assert.ok(!('explain' in row));
    await model.close();
  });
});

/** What can stand behind the last layer with places: norms, maxima, windows, several layers, dropout. */
function headOf(): Graph {
  const b = graphBuilder('head', 4);
  const x = b.reshape(b.layer({ kind: 'input', name: 'vector', inputs: [], shape: [48] }), 'places', [4, 4, 3]); // prettier-ignore
  const windows = b.maxPooling2d(x, 'windows', { kernel: 2, stride: 2 });
  const flat = b.activation(b.dense(b.flatten(windows, 'flatten'), 'fc1', 6), 'swish', 'swish');
  const norm = b.layerNormalization(b.globalAveragePooling2d(x, 'mean'), 'norm');
  const most = b.layer({ kind: 'globalMaxPooling2d', name: 'most', inputs: [x] });
  const both = b.dropout(b.concatenate('both', flat, norm, most), 'drop', 0.5);
  const { layers, ...graph } = b.build(b.dense(both, 'fc2', 4));
  return { ...graph, layers: layers.slice(1), input: 'vector' };
}

describe('slopes are those of finite differences', () => {
  for (const choice of [
    { engine: 'onnx', device: 'cpu' },
    { engine: 'tfjs', device: 'js' },
  ] as const) {
    test(choice.engine, async () => {
      const graph = headOf();
      const weights = madeUpWeights(graph);
      const engine = await selectEngine(choice);
      const slopes = await engine.slopes({ graph, weights });
      const half = [0.5, 0.5, 0.5] as const;
      const predictor = await engine.load({ graph, weights, mean: half, std: half });
      // Far enough from each other for a maximum to stay where it is.
      const features = Float32Array.from({ length: 48 }, (_, i) => ((i * 29) % 48) / 24 - 1);
      const direction = Float32Array.of(1, 0, -0.5, 0);
      const sumAt = async (data: Float32Array) => {
        const [output] = await predictor.run({ data, count: 1 });
        return direction.reduce((sum, weight, k) => sum + weight * output!.data[k]!, 0);
      };
      const found = await slopes.of(features, direction);
      for (const i of features.keys()) {
        const moved = (by: number) => sumAt(features.map((x, j) => (j === i ? x + by : x)));
        const difference = ((await moved(5e-3)) - (await moved(-5e-3))) / 1e-2;
        assert.ok(Math.abs(found[i]! - difference) < 2e-3, `${i}: ${found[i]}, ${difference}`);
      }
      await slopes.dispose();
      await predictor.dispose();
    });
  }
});
