// resnet.ts: ResNet as torchvision builds it (v1.5: the stride sits in the bottleneck's 3x3), and its descendants: ResNeXt groups the
// 3x3, wide ResNet doubles its channels, ResNet-D has a stem of three convolutions and halves the shortcut by a mean, SE-ResNet gates
// the branch. Layer names are torchvision's node names, and timm's modules where torchvision has none, so that weights map by name.
// Sources: He et al., Deep Residual Learning for Image Recognition, 2015, table 1; Xie et al., Aggregated Residual Transformations
// for Deep Neural Networks, 2016; Zagoruyko and Komodakis, Wide Residual Networks, 2016; He et al., Bag of Tricks for Image
// Classification, 2018; Hu et al., Squeeze-and-Excitation Networks, 2017; the variants of torchvision and timm.

import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { ActivationName, Graph } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';
import { squeezeExcite } from './squeeze-excite.ts';

type Block = 'basic' | 'bottleneck';

/** How many times wider a block's output is than its convolutions. */
const EXPANSION = { basic: 1, bottleneck: 4 } as const satisfies Record<Block, number>;

export interface Variant {
  readonly block: Block;
  /** Blocks in each stage; published networks have four. */
  readonly depths: readonly number[];
  /** Channels of each stage's sums; by default 64 and then twice as many, times the block's expansion. */
  readonly widths?: readonly number[];
  /** Channels of the first convolution. */
  readonly stem?: number;
  /** Of the first convolution and of every sum; within a branch it is a ReLU. */
  readonly activation?: ActivationName;
  /** The stride of the first stage. */
  readonly firstStride?: number;
  /** Groups of a bottleneck's 3x3 convolution, and channels of each group in the first stage. */
  readonly groups?: number;
  readonly groupWidth?: number;
  /** Three 3x3 convolutions for the stem's 7x7: two of this width and one of twice as many channels. */
  readonly deepStem?: number;
  /** A shortcut that halves the picture: 1x1 with a stride, or 3x3, or the mean of 2x2 and then 1x1. */
  readonly shortcut?: '1x1' | '3x3' | 'mean';
  /** Squeeze and excitation at the end of each branch. */
  readonly isGated?: true;
  /** How many times narrower than the 3x3 a bottleneck's first convolution is. */
  readonly reduction?: number;
  /** Caffe's: the first pooling is not padded and counts a last part of a window; a basic block's gate stands behind a ReLU. */
  readonly isCaffe?: true;
  /** Which convolution of a bottleneck has the stride. */
  readonly strided?: 'first' | 'second';
  /** Before the classifier. */
  readonly dropout?: number;
}

const D = { deepStem: 32, shortcut: 'mean' } as const;

const VARIANTS: Readonly<Record<string, Variant>> = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2] },
  resnet34: { block: 'basic', depths: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', depths: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', depths: [3, 8, 36, 3] },
  resnet18d: { block: 'basic', depths: [2, 2, 2, 2], ...D },
  resnet34d: { block: 'basic', depths: [3, 4, 6, 3], ...D },
  resnet50d: { block: 'bottleneck', depths: [3, 4, 6, 3], ...D },
  resnext50_32x4d: { block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, groupWidth: 4 },
  resnext101_32x4d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, groupWidth: 4 },
  resnext101_32x8d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, groupWidth: 8 },
  resnext101_64x4d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 64, groupWidth: 4 },
  wide_resnet50_2: { block: 'bottleneck', depths: [3, 4, 6, 3], groupWidth: 128 },
  wide_resnet101_2: { block: 'bottleneck', depths: [3, 4, 23, 3], groupWidth: 128 },
};

export function resnet(name: string, variant: Variant, classes: number): Graph {
  const {
    block,
    depths,
    widths,
    groups = 1,
    groupWidth = 64,
    stem = 64,
    deepStem,
    isCaffe,
    dropout,
  } = variant;
  const { activation = 'relu', firstStride = 1 } = variant;
  const b = graphBuilder(name, 224);
  let channels = deepStem === undefined ? stem : 2 * deepStem;
  let x =
    deepStem === undefined
      ? b.conv2d(b.input, 'conv1', { filters: stem, kernel: 7, stride: 2, pad: 3 })
      : threeConvolutions(b, deepStem);
  x = b.batchNormalization(x, 'bn1');
  x = b.activation(x, 'relu', activation);
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, ...(isCaffe ? { ceil: true } : { pad: 1 }) });
  depths.forEach((depth, stage) => {
    const out = widths?.[stage] ?? 64 * 2 ** stage * EXPANSION[block];
    const width = widths ? Math.floor(out / EXPANSION[block]) : groups * groupWidth * 2 ** stage;
    for (let i = 0; i < depth; i++) {
      const stride = i > 0 ? 1 : stage > 0 ? 2 : firstStride;
      x = residual(b, x, `layer${stage + 1}.${i}`, { ...variant, width, out, stride, channels });
      channels = out;
    }
  });
  x = b.globalAveragePooling2d(x, 'avgpool');
  if (dropout !== undefined) x = b.dropout(x, 'dropout', dropout);
  return b.build(b.dense(x, 'fc', classes));
}

/** The convolutions of ResNet-D's stem; what follows the last of them is the same as after the 7x7. */
function threeConvolutions(b: GraphBuilder, width: number): string {
  let x = b.conv2d(b.input, 'conv1.0', { filters: width, kernel: 3, stride: 2, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'conv1.1'), 'conv1.2', 'relu');
  x = b.conv2d(x, 'conv1.3', { filters: width, kernel: 3, pad: 1 });
  x = b.activation(b.batchNormalization(x, 'conv1.4'), 'conv1.5', 'relu');
  return b.conv2d(x, 'conv1.6', { filters: 2 * width, kernel: 3, pad: 1 });
}

interface Residual extends Variant {
  /** Channels of the convolutions within, and of the sum. */
  readonly width: number;
  readonly out: number;
  readonly stride: number;
  /** Channels coming in. */
  readonly channels: number;
}

function residual(b: GraphBuilder, input: string, name: string, block: Residual): string {
  const { out, isGated, isCaffe, activation = 'relu' } = block;
  const convolutions = convolutionsOf(block);
  const last = convolutions.length - 1;
  let x = input;
  convolutions.forEach((convolution, i) => {
    x = b.conv2d(x, `${name}.conv${i + 1}`, convolution);
    x = b.batchNormalization(x, `${name}.bn${i + 1}`);
    if (i < last) x = b.activation(x, i === 0 ? `${name}.relu` : `${name}.relu_${i}`, 'relu');
  });
  if (isCaffe && block.block === 'basic') x = b.activation(x, `${name}.relu_${last}`, 'relu');
  if (isGated) x = squeezeExcite(b, x, { module: `${name}.se`, channels: out, squeezed: out / 16 });
  x = b.add(`${name}.add`, x, shortcutOf(b, input, `${name}.downsample`, block));
  return b.activation(x, isCaffe ? `${name}.relu_out` : `${name}.relu_${last}`, activation);
}

function convolutionsOf({
  block,
  width,
  out,
  stride,
  groups = 1,
  reduction = 1,
  strided = 'second',
}: Residual) {
  if (block === 'basic') {
    return [
      { filters: width, kernel: 3, stride, pad: 1 },
      { filters: width, kernel: 3, pad: 1 },
    ];
  }
  return [
    { filters: width / reduction, kernel: 1, stride: strided === 'first' ? stride : 1 },
    { filters: width, kernel: 3, stride: strided === 'second' ? stride : 1, pad: 1, groups },
    { filters: out, kernel: 1 },
  ];
}

/** The input itself, where the sum has its shape. */
function shortcutOf(
  b: GraphBuilder,
  input: string,
  name: string,
  { shortcut = '1x1', stride, channels: incoming, out: filters }: Residual,
): string {
  if (stride === 1 && incoming === filters) return input;
  if (shortcut === 'mean') {
    // `same` as torch's ceil_mode with count_include_pad=False: a last row or column alone is its own mean.
    const x =
      stride === 1 ? input : b.averagePooling2d(input, `${name}.0`, { kernel: 2, stride, pad: 'same' });
    return b.batchNormalization(b.conv2d(x, `${name}.1`, { filters, kernel: 1 }), `${name}.2`);
  }
  const size = shortcut === '3x3' && stride > 1 ? { kernel: 3, pad: 1 } : { kernel: 1 };
  return b.batchNormalization(b.conv2d(input, `${name}.0`, { filters, stride, ...size }), `${name}.1`);
}

export const RESNETS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => resnet(name, variant, classes),
  classifier: 'fc',
  namings: [asModules],
}));
