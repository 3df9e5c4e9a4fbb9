// resnet.ts: ResNet as torchvision builds it (v1.5: the stride sits in the bottleneck's 3x3).
// Layer names are torchvision's node names, so its weights map by name.
// ResNeXt is the same with grouped bottlenecks.
// Sources: He et al., Deep Residual Learning for Image Recognition, 2015, table 1; Xie et al., Aggregated Residual Transformations
// for Deep Neural Networks, 2016; torchvision's variants.

import { graphBuilder, type GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/layers.ts';
import { IMAGENET_MEAN, IMAGENET_STD, type Architecture, type WeightsRecord } from './record.ts';

type Block = 'basic' | 'bottleneck';

/** How many times wider a block's output is than its convolutions. */
const EXPANSION = { basic: 1, bottleneck: 4 } as const satisfies Record<Block, number>;

interface Variant {
  readonly block: Block;
  /** Blocks in each of the four stages. */
  readonly depths: readonly [number, number, number, number];
  /** Groups of a bottleneck's 3x3 convolution, and channels of each group in the first stage. */
  readonly groups?: number;
  readonly groupWidth?: number;
}

const VARIANTS = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2] },
  resnet34: { block: 'basic', depths: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', depths: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', depths: [3, 8, 36, 3] },
  resnext50_32x4d: { block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, groupWidth: 4 },
  resnext101_32x8d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, groupWidth: 8 },
} as const satisfies Record<string, Variant>;

type ResNetName = keyof typeof VARIANTS;

function resnet(name: ResNetName, classes: number): Graph {
  const { block, depths, groups = 1, groupWidth = 64 }: Variant = VARIANTS[name];
  const b = graphBuilder(name, 224);
  let x = b.conv2d(b.input, 'conv1', { filters: 64, kernel: 7, stride: 2, pad: 3 });
  x = b.batchNormalization(x, 'bn1');
  x = b.activation(x, 'relu', 'relu');
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, pad: 1 });
  let channels = 64;
  depths.forEach((depth, stage) => {
    const width = groups * groupWidth * 2 ** stage;
    const out = 64 * 2 ** stage * EXPANSION[block];
    for (let i = 0; i < depth; i++) {
      const stride = i === 0 && stage > 0 ? 2 : 1;
      x = residual(b, x, `layer${stage + 1}.${i}`, { block, groups, width, out, stride, channels });
      channels = out;
    }
  });
  x = b.globalAveragePooling2d(x, 'avgpool');
  return b.build(b.dense(x, 'fc', classes));
}

interface Residual {
  readonly block: Block;
  readonly groups: number;
  /** Channels of the convolutions within, and of the sum. */
  readonly width: number;
  readonly out: number;
  readonly stride: number;
  /** Channels coming in. */
  readonly channels: number;
}

function residual(
  b: GraphBuilder,
  input: string,
  name: string,
  { block, groups, width, out, stride, channels }: Residual,
): string {
  const convolutions =
    block === 'basic'
      ? [
          { filters: width, kernel: 3, stride, pad: 1 },
          { filters: width, kernel: 3, pad: 1 },
        ]
      : [
          { filters: width, kernel: 1 },
          { filters: width, kernel: 3, stride, pad: 1, groups },
          { filters: out, kernel: 1 },
        ];
  let x = input;
  convolutions.forEach((convolution, i) => {
    x = b.conv2d(x, `${name}.conv${i + 1}`, convolution);
    x = b.batchNormalization(x, `${name}.bn${i + 1}`);
    if (i < convolutions.length - 1)
      x = b.activation(x, i === 0 ? `${name}.relu` : `${name}.relu_${i}`, 'relu');
  });
  let shortcut = input;
  if (stride !== 1 || channels !== out) {
    shortcut = b.conv2d(input, `${name}.downsample.0`, { filters: out, kernel: 1, stride });
    shortcut = b.batchNormalization(shortcut, `${name}.downsample.1`);
  }
  x = b.add(`${name}.add`, x, shortcut);
  return b.activation(x, `${name}.relu_${convolutions.length - 1}`, 'relu');
}

export const RESNETS = Object.fromEntries(
  Object.keys(VARIANTS).map((name) => [
    name,
    { build: (classes) => resnet(name as ResNetName, classes), classifier: 'fc' },
  ]),
) as Readonly<Record<ResNetName, Architecture>>;

/** Published files: name, version, file, short side, parameters, top-1, top-5. Source: torchvision's weights enums. */
const PUBLISHED: readonly (readonly [ResNetName, 1 | 2, string, number, number, number, number])[] = [
  ['resnet18', 1, 'resnet18-f37072fd.pth', 256, 11689512, 69.758, 89.078],
  ['resnet34', 1, 'resnet34-b627a593.pth', 256, 21797672, 73.314, 91.42],
  ['resnet50', 1, 'resnet50-0676ba61.pth', 256, 25557032, 76.13, 92.862],
  ['resnet50', 2, 'resnet50-11ad3fa6.pth', 232, 25557032, 80.858, 95.434],
  ['resnet101', 1, 'resnet101-63fe2227.pth', 256, 44549160, 77.374, 93.546],
  ['resnet101', 2, 'resnet101-cd907fc2.pth', 232, 44549160, 81.886, 95.78],
  ['resnet152', 1, 'resnet152-394f9c45.pth', 256, 60192808, 78.312, 94.046],
  ['resnet152', 2, 'resnet152-f82ba261.pth', 232, 60192808, 82.284, 96.002],
  ['resnext50_32x4d', 1, 'resnext50_32x4d-7cdf4587.pth', 256, 25028904, 77.618, 93.698],
  ['resnext50_32x4d', 2, 'resnext50_32x4d-1a0047aa.pth', 232, 25028904, 81.198, 95.34],
  ['resnext101_32x8d', 1, 'resnext101_32x8d-8ba56ff5.pth', 256, 88791336, 79.312, 94.526],
  ['resnext101_32x8d', 2, 'resnext101_32x8d-110c445d.pth', 232, 88791336, 82.834, 96.228],
];

export const RESNET_RECORDS: readonly WeightsRecord[] = PUBLISHED.map(
  ([architecture, version, file, resize, parameters, top1, top5]) => ({
    name: `${architecture}.v${version}`,
    architecture,
    origin: {
      kind: 'download',
      url: `https://download.pytorch.org/models/${file}`,
      sha256Prefix: file.replace(/^.*-|\.pth$/g, ''),
    },
    preprocessing: {
      size: 224,
      resize,
      mode: 'crop',
      interpolation: 'bilinear',
      mean: IMAGENET_MEAN,
      std: IMAGENET_STD,
    },
    parameters,
    top1,
    top5,
    licence: 'BSD-3-Clause (torchvision); trained on ImageNet, whose terms may bind the use',
  }),
);
