// xception.ts: Xception as Keras has it, under timm's names: depthwise and pointwise convolutions with nothing between them.
// Source: Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2016, figure 5.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture, type TorchNaming } from '../record.ts';

/** Filters of each block's convolutions. A block that changes the number of channels halves the picture. */
const BLOCKS: readonly (readonly number[])[] = [
  [128, 128],
  [256, 256],
  [728, 728],
  ...Array.from({ length: 8 }, () => [728, 728, 728]),
  [728, 1024],
];

function xception(classes: number): Graph {
  const b = graphBuilder('legacy_xception', 299);
  const separable = (from: string, name: string, filters: number) => {
    const x = b.depthwiseConv2d(from, `${name}.conv1`, { kernel: 3, pad: 1 });
    return b.conv2d(x, `${name}.pointwise`, { filters, kernel: 1 });
  };
  const activated = (from: string, index: number) =>
    b.activation(b.batchNormalization(from, `bn${index}`), `act${index}`, 'relu');
  /** @param isFirst it begins without a ReLU, so that torch's numbers are one less */
  const block = (
    from: string,
    name: string,
    filters: readonly number[],
    channels: number,
    isFirst: boolean,
  ) => {
    let x = from;
    let index = 0;
    const next = () => `${name}.rep.${index++}`;
    filters.forEach((count, i) => {
      if (i > 0 || !isFirst) x = b.activation(x, next(), 'relu');
      x = b.batchNormalization(separable(x, next(), count), next());
    });
    if (filters.at(-1) === channels) return b.add(`${name}.add`, x, from);
    x = b.maxPooling2d(x, next(), { kernel: 3, stride: 2, pad: 1 });
    const skip = b.conv2d(from, `${name}.skip`, { filters: filters.at(-1)!, kernel: 1, stride: 2 });
    return b.add(`${name}.add`, x, b.batchNormalization(skip, `${name}.skipbn`));
  };

  let x = activated(b.conv2d(b.input, 'conv1', { filters: 32, kernel: 3, stride: 2 }), 1);
  x = activated(b.conv2d(x, 'conv2', { filters: 64, kernel: 3 }), 2);
  let channels = 64;
  BLOCKS.forEach((filters, i) => {
    x = block(x, `block${i + 1}`, filters, channels, i === 0);
    channels = filters.at(-1)!;
  });
  x = activated(separable(x, 'conv3', 1536), 3);
  x = activated(separable(x, 'conv4', 2048), 4);
  return b.build(b.dense(b.globalAveragePooling2d(x, 'global_pool'), 'fc', classes));
}

/** Cadene's name of the classifier. */
const asCadene: TorchNaming = (layer, suffix) => `${layer === 'fc' ? 'last_linear' : layer}.${suffix}`;

export const XCEPTIONS = {
  legacy_xception: { build: xception, classifier: 'fc', namings: [asModules, asCadene] },
} as const satisfies Record<string, Architecture>;
