// aligned-xception.ts: Xception 41, 65 and 71 of DeepLab, under timm's names: strides in place of poolings, batch norm behind each
// depthwise convolution too.
// Source: Chen et al., Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation, 2018, figure 4.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';

interface Block {
  /** Of the three separable convolutions; the last one has the stride. */
  readonly filters: readonly [number, number, number];
  readonly stride: 1 | 2;
}

const block = (filters: number, stride: 1 | 2): Block => ({ filters: [filters, filters, filters], stride });
const middle = (count: number) => Array.from({ length: count }, () => block(728, 1));

/** The residual blocks before the last two. */
const BLOCKS: Readonly<Record<string, readonly Block[]>> = {
  xception41: [block(128, 2), block(256, 2), block(728, 2), ...middle(8)],
  xception65: [block(128, 2), block(256, 2), block(728, 2), ...middle(16)],
  xception71: [block(128, 2), block(256, 1), block(256, 2), block(728, 1), block(728, 2), ...middle(16)],
};

function alignedXception(name: string, blocks: readonly Block[], classes: number): Graph {
  const b = graphBuilder(name, 299);
  const normalized = (from: string, norm: string) => b.batchNormalization(from, norm, { epsilon: 1e-3 });
  const relu = (from: string, called: string) => b.activation(from, called, 'relu');
  const stem = (from: string, called: string, filters: number, stride: number) => {
    const x = b.conv2d(from, `${called}.conv`, { filters, kernel: 3, stride, pad: 1 });
    return relu(normalized(x, `${called}.bn`), `${called}.relu`);
  };
  /** @param isActivated whether ReLUs follow both convolutions; in the residual blocks they come before the first */
  const separable = (from: string, called: string, filters: number, stride: number, isActivated: boolean) => {
    let x = b.depthwiseConv2d(from, `${called}.conv_dw`, { kernel: 3, stride, pad: 1 });
    x = normalized(x, `${called}.bn_dw`);
    if (isActivated) x = relu(x, `${called}.act_dw`);
    x = normalized(b.conv2d(x, `${called}.conv_pw`, { filters, kernel: 1 }), `${called}.bn_pw`);
    return isActivated ? relu(x, `${called}.act_pw`) : x;
  };
  const residual = (from: string, called: string, { filters, stride }: Block, channels: number) => {
    let x = from;
    filters.forEach((count, i) => {
      x = relu(x, `${called}.stack.act${i + 1}`);
      x = separable(x, `${called}.stack.conv${i + 1}`, count, i === 2 ? stride : 1, false);
    });
    if (stride === 1 && filters[2] === channels) return b.add(`${called}.add`, x, from);
    const shortcut = b.conv2d(from, `${called}.shortcut.conv`, { filters: filters[2], kernel: 1, stride });
    return b.add(`${called}.add`, x, normalized(shortcut, `${called}.shortcut.bn`));
  };

  let x = stem(stem(b.input, 'stem.0', 32, 2), 'stem.1', 64, 1);
  let channels = 64;
  const all: readonly Block[] = [...blocks, { filters: [728, 1024, 1024], stride: 2 }];
  all.forEach((each, i) => {
    x = residual(x, `blocks.${i}`, each, channels);
    channels = each.filters[2];
  });
  [1536, 1536, 2048].forEach((filters, i) => {
    x = separable(x, `blocks.${all.length}.stack.conv${i + 1}`, filters, 1, true);
  });
  return b.build(b.dense(b.globalAveragePooling2d(x, 'head.global_pool'), 'head.fc', classes));
}

export const ALIGNED_XCEPTIONS = familyOf(BLOCKS, (name, blocks) => ({
  build: (classes) => alignedXception(name, blocks, classes),
  classifier: 'head.fc',
  namings: [asModules],
}));
