// Whole networks with made-up weights against PyTorch, at three depths and at the end. Goldens: test/golden/make_networks.py.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { createOnnxEngine } from '../../src/engine/onnx/session.ts';
import { inferShapes } from '../../src/graph/shapes.ts';
import { PACKAGE_ROOT } from '../../src/util/package.ts';
import { findArchitecture } from '../../src/zoo/architectures.ts';
import { weightsFromTorch } from '../../src/zoo/torch-weights.ts';
import { assertAllClose } from '../helpers/assert-all-close.ts';
import { madeUpPixels } from '../helpers/lcg.ts';
import { madeUpStateDict } from '../helpers/made-up-weights.ts';

interface Golden {
  readonly torch: string;
  readonly from: string;
  readonly size: number;
  readonly logits: number[];
  readonly layers: Record<string, number[]>;
}

const folder = path.join(PACKAGE_ROOT, 'test', 'golden', 'networks');
const goldens = readdirSync(folder).map((file) => {
  const golden = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Golden;
  return [path.basename(file, '.json'), golden] as const;
});

/** What a torch module that is a whole block puts out, by the name of the block's last layer. */
const LAST_LAYER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  resnet18: { layer2: 'layer2.1.relu_1' },
  resnet34: { layer2: 'layer2.3.relu_1' },
  resnet50: { layer2: 'layer2.3.relu_2' },
  resnet101: { layer2: 'layer2.3.relu_2' },
  resnet152: { layer2: 'layer2.7.relu_2' },
  resnext50_32x4d: { layer2: 'layer2.3.relu_2' },
  resnext101_32x8d: { layer2: 'layer2.3.relu_2' },
  resnet18d: { layer2: 'layer2.1.relu_1', layer4: 'layer4.1.relu_1' },
  seresnet50: { layer2: 'layer2.3.relu_2', layer4: 'layer4.2.relu_2' },
  legacy_seresnet18: { pool0: 'maxpool', layer2: 'layer2.1.relu_out', layer4: 'layer4.1.relu_out' },
  convnext_atto: { 'stem.1': 'features.0.1', 'stages.1': 'features.3.1.add', 'stages.3': 'features.7.1.add' },
  shufflenet_v2_x0_5: { stage2: 'stage2.3.shuffle', stage4: 'stage4.3.shuffle' },
  nasnetamobile: { cell_stem_1: 'cell_stem_1.cat', cell_3: 'cell_3.cat', cell_15: 'cell_15.cat' },
  efficientnet_b0: { 'features.2.1': 'features.2.1.add', 'features.4.2': 'features.4.2.add' },
  mnasnet0_5: { 'layers.8': 'layers.8.2.add', 'layers.10': 'layers.10.2.add' },
  mobilenet_v2: {
    'features.3': 'features.3.add',
    'features.10': 'features.10.add',
    'features.18': 'features.18.2',
  },
  mobilenet_v3_small: { 'features.3': 'features.3.add', 'features.6': 'features.6.add' },
  regnet_y_400mf: { stem: 'stem.relu', 'trunk_output.block2': 'trunk_output.block2.block2-2.activation' },
  // Torch's ReLU in place changes what the module before it put out.
  densenet121: { 'features.transition2': 'features.transition2.pool', 'features.norm5': 'relu' },
  googlenet: { inception4a: 'inception4a.cat' },
  inception_v3: { Mixed_6b: 'Mixed_6b.cat' },
  inception_v4: {
    'features.3': 'features.3.cat',
    'features.10': 'features.10.cat',
    'features.21': 'features.21.cat',
  },
  inception_resnet_v2: { mixed_5b: 'mixed_5b.cat', mixed_6a: 'mixed_6a.cat', conv2d_7b: 'conv2d_7b.relu' },
  legacy_xception: { block1: 'block1.add', block3: 'block3.add' },
  squeezenet1_1: { 'features.7': 'features.7.cat', 'classifier.1': 'classifier.2' },
  xception41: {
    'stem.1': 'stem.1.relu',
    'blocks.3': 'blocks.3.add',
    'blocks.12': 'blocks.12.stack.conv3.act_pw',
  },
  efficientnet_lite0: {
    '_blocks.0': 'blocks.0.bn2',
    '_blocks.8': 'blocks.8.bn2',
    _avg_pooling: 'avg_pooling',
  },
};

describe('networks against PyTorch', () => {
  for (const [name, golden] of goldens) {
    const { torch, from, size } = golden;
    test(`${name} of ${from}, PyTorch ${torch}`, async () => {
      const { build, namings } = findArchitecture(name);
      const [naming] = namings;
      const graph = build(1000);
      const weights = weightsFromTorch(graph, madeUpStateDict(graph, naming), 'made-up weights', naming);
      const engine = await createOnnxEngine({ device: 'cpu', threads: 1 });
      const layers = Object.entries(golden.layers);
      const outputs = [graph.output, ...layers.map(([layer]) => LAST_LAYER[name]?.[layer] ?? layer)];
      const predictor = await engine.load(
        { graph, weights, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
        { outputs, size: [size, size] },
      );
      const pixels = madeUpPixels('network', size, size);
      const [logits, ...activations] = await predictor.run({
        data: pixels,
        count: 1,
        height: size,
        width: size,
      });
      await predictor.dispose();
      const shapes = inferShapes(graph, [size, size, 3]);
      layers.forEach(([layer, expected], i) => {
        const channels = shapes.get(outputs[i + 1]!)!.at(-1)!;
        assertAllClose(channelMeans(activations[i]!.data, channels), expected, { rtol: 1e-4 }, layer);
      });
      assertAllClose(logits!.data, golden.logits, { rtol: 1e-4 }, 'logits');
    });
  }
});

function channelMeans(data: Float32Array, channels: number): Float64Array {
  const means = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) means[i % channels]! += data[i]! / (data.length / channels);
  return means;
}
