// googlenet.ts: GoogLeNet, which is Inception v1, as torchvision builds it: with batch norm, and without the heads that only helped
// its training. What the paper calls the 5x5 branch is 3x3 here, as the published weights are.
// Source: Szegedy et al., Going Deeper with Convolutions, 2014, table 1.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';
import { convolution, inception, type Branches } from './inception-modules.ts';

/** A row of the table: filters of the 1x1 branch, of the second and third before and after, and behind the pooling. */
function branches(
  single: number,
  [second, secondOut]: readonly [number, number],
  [third, thirdOut]: readonly [number, number],
  pooled: number,
): Branches {
  return {
    branch1: [['1x1', single]],
    branch2: [['1x1', second], ['3x3', secondOut]], // prettier-ignore
    branch3: [['1x1', third], ['3x3', thirdOut]], // prettier-ignore
    branch4: ['max', ['1x1', pooled]],
  };
}

const STAGES: readonly Readonly<Record<string, Branches>>[] = [
  {
    inception3a: branches(64, [96, 128], [16, 32], 32),
    inception3b: branches(128, [128, 192], [32, 96], 64),
  },
  {
    inception4a: branches(192, [96, 208], [16, 48], 64),
    inception4b: branches(160, [112, 224], [24, 64], 64),
    inception4c: branches(128, [128, 256], [24, 64], 64),
    inception4d: branches(112, [144, 288], [32, 64], 64),
    inception4e: branches(256, [160, 320], [32, 128], 128),
  },
  {
    inception5a: branches(256, [160, 320], [32, 128], 128),
    inception5b: branches(384, [192, 384], [48, 128], 128),
  },
];

function googlenet(classes: number): Graph {
  const b = graphBuilder('googlenet', 224);
  const pool = (from: string, index: number, kernel: number) =>
    b.maxPooling2d(from, `maxpool${index}`, { kernel, stride: 2, ceil: true });
  let x = pool(convolution(b, b.input, 'conv1', '7x7/2 padded', 64), 1, 3);
  x = convolution(b, x, 'conv2', '1x1', 64);
  x = pool(convolution(b, x, 'conv3', '3x3', 192), 2, 3);
  STAGES.forEach((modules, stage) => {
    for (const [name, table] of Object.entries(modules)) x = inception(b, x, name, table);
    if (stage === 0) x = pool(x, 3, 3);
    if (stage === 1) x = pool(x, 4, 2);
  });
  x = b.dropout(b.globalAveragePooling2d(x, 'avgpool'), 'dropout', 0.2);
  return b.build(b.dense(x, 'fc', classes));
}

export const GOOGLENETS = {
  googlenet: { build: googlenet, classifier: 'fc', namings: [asModules], auxiliary: /^aux[12]\./ },
} as const satisfies Record<string, Architecture>;
