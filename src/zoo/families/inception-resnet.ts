// inception-resnet.ts: Inception-ResNet v2 under timm's names.
// Source: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016, figures 15 to 19.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture, type TorchNaming } from '../record.ts';
import { convolution, inception, stem, type Branches } from './inception-modules.ts';

const MIXED_5B: Branches = {
  branch0: [['1x1', 96]],
  branch1: [['1x1', 48], ['5x5', 64]], // prettier-ignore
  branch2: [['1x1', 64], ['3x3', 96], ['3x3', 96]], // prettier-ignore
  branch3: ['mean', ['1x1', 64]],
};

const MIXED_6A: Branches = {
  branch0: [['3x3/2', 384]],
  branch1: [['1x1', 256], ['3x3', 256], ['3x3/2', 384]], // prettier-ignore
  branch2: ['max/2'],
};

const MIXED_7A: Branches = {
  branch0: [['1x1', 256], ['3x3/2', 384]], // prettier-ignore
  branch1: [['1x1', 256], ['3x3/2', 288]], // prettier-ignore
  branch2: [['1x1', 256], ['3x3', 288], ['3x3/2', 320]], // prettier-ignore
  branch3: ['max/2'],
};

interface Residual {
  readonly branches: Branches;
  /** Channels of the sum. */
  readonly channels: number;
  /** What the branches are multiplied by before the sum. */
  readonly scale: number;
}

const BLOCK_35: Residual = {
  branches: {
    branch0: [['1x1', 32]],
    branch1: [['1x1', 32], ['3x3', 32]], // prettier-ignore
    branch2: [['1x1', 32], ['3x3', 48], ['3x3', 64]], // prettier-ignore
  },
  channels: 320,
  scale: 0.17,
};

const BLOCK_17: Residual = {
  branches: {
    branch0: [['1x1', 192]],
    branch1: [['1x1', 128], ['1x7', 160], ['7x1', 192]], // prettier-ignore
  },
  channels: 1088,
  scale: 0.1,
};

const BLOCK_8: Residual = {
  branches: {
    branch0: [['1x1', 192]],
    branch1: [['1x1', 192], ['1x3', 224], ['3x1', 256]], // prettier-ignore
  },
  channels: 2080,
  scale: 0.2,
};

function inceptionResnetV2(classes: number): Graph {
  const b = graphBuilder('inception_resnet_v2', 299);
  const residual = (from: string, name: string, { branches, channels, scale }: Residual) => {
    let y = inception(b, from, name, branches);
    y = b.conv2d(y, `${name}.conv2d`, { filters: channels, kernel: 1, bias: true });
    if (scale !== 1) y = b.rescaling(y, `${name}.scale`, scale);
    return b.add(`${name}.add`, y, from);
  };
  const repeated = (from: string, name: string, count: number, block: Residual) => {
    let x = from;
    for (let i = 0; i < count; i++) {
      x = b.activation(residual(x, `${name}.${i}`, block), `${name}.${i}.act`, 'relu');
    }
    return x;
  };
  let x = stem(b, ['conv2d_1a', 'conv2d_2a', 'conv2d_2b', 'maxpool_3a', 'conv2d_3b', 'conv2d_4a', 'maxpool_5a']); // prettier-ignore
  x = inception(b, x, 'mixed_5b', MIXED_5B);
  x = inception(b, repeated(x, 'repeat', 10, BLOCK_35), 'mixed_6a', MIXED_6A);
  x = inception(b, repeated(x, 'repeat_1', 20, BLOCK_17), 'mixed_7a', MIXED_7A);
  x = residual(repeated(x, 'repeat_2', 9, BLOCK_8), 'block8', { ...BLOCK_8, scale: 1 });
  x = convolution(b, x, 'conv2d_7b', '1x1', 1536);
  x = b.globalAveragePooling2d(x, 'global_pool');
  return b.build(b.dense(x, 'classif', classes));
}

/** Cadene's name of the classifier. */
const asCadene: TorchNaming = (layer, suffix) => `${layer === 'classif' ? 'last_linear' : layer}.${suffix}`;

export const INCEPTION_RESNETS = {
  inception_resnet_v2: {
    build: inceptionResnetV2,
    classifier: 'classif',
    namings: [asModules, asCadene],
    hasBackground: true,
  },
} as const satisfies Record<string, Architecture>;
