// densenet.ts: DenseNet-BC as torchvision builds it: every layer takes what all layers of its block before it put out.
// Source: Huang et al., Densely Connected Convolutional Networks, 2017, table 1.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, familyOf, type TorchNaming } from '../record.ts';

interface Variant {
  /** Channels that each layer adds. */
  readonly growth: number;
  /** Channels of the first convolution. */
  readonly stem: number;
  /** Layers in each of the four blocks. */
  readonly depths: readonly [number, number, number, number];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  densenet121: { growth: 32, stem: 64, depths: [6, 12, 24, 16] },
  densenet161: { growth: 48, stem: 96, depths: [6, 12, 36, 24] },
  densenet169: { growth: 32, stem: 64, depths: [6, 12, 32, 32] },
  densenet201: { growth: 32, stem: 64, depths: [6, 12, 48, 32] },
};

/** How many times wider a layer's 1x1 convolution is than what the layer adds. */
const BOTTLENECK = 4;

function densenet(name: string, { growth, stem, depths }: Variant, classes: number): Graph {
  const b = graphBuilder(name, 224);
  /** Batch norm and ReLU, which come before the convolution here. */
  const activated = (from: string, norm: string, relu: string) =>
    b.activation(b.batchNormalization(from, norm), relu, 'relu');

  let x = b.conv2d(b.input, 'features.conv0', { filters: stem, kernel: 7, stride: 2, pad: 3 });
  x = activated(x, 'features.norm0', 'features.relu0');
  x = b.maxPooling2d(x, 'features.pool0', { kernel: 3, stride: 2, pad: 1 });
  let channels = stem;
  depths.forEach((depth, index) => {
    const block = `features.denseblock${index + 1}`;
    for (let i = 1; i <= depth; i++) {
      const layer = `${block}.denselayer${i}`;
      let y = activated(x, `${layer}.norm1`, `${layer}.relu1`);
      y = b.conv2d(y, `${layer}.conv1`, { filters: BOTTLENECK * growth, kernel: 1 });
      y = activated(y, `${layer}.norm2`, `${layer}.relu2`);
      y = b.conv2d(y, `${layer}.conv2`, { filters: growth, kernel: 3, pad: 1 });
      x = b.concatenate(i === depth ? `${block}.cat` : `${layer}.cat`, x, y);
    }
    channels += depth * growth;
    if (index === depths.length - 1) return;
    const transition = `features.transition${index + 1}`;
    channels /= 2;
    x = activated(x, `${transition}.norm`, `${transition}.relu`);
    x = b.conv2d(x, `${transition}.conv`, { filters: channels, kernel: 1 });
    x = b.averagePooling2d(x, `${transition}.pool`, { kernel: 2, stride: 2 });
  });
  x = b.globalAveragePooling2d(activated(x, 'features.norm5', 'relu'), 'adaptive_avg_pool2d');
  return b.build(b.dense(x, 'classifier', classes));
}

/** The published files are older than the names of torchvision's modules: `denselayer1.norm.1` was `denselayer1.norm1`. */
const asPublished: TorchNaming = (layer, suffix) =>
  `${layer.replace(/(denselayer\d+\.(?:norm|conv))(\d)$/, '$1.$2')}.${suffix}`;

export const DENSENETS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => densenet(name, variant, classes),
  classifier: 'classifier',
  namings: [asModules, asPublished],
}));
