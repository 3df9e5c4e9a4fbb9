// resnet.ts: ResNet as torchvision builds it (v1.5: the stride sits in the bottleneck's 3x3).
// Layer names are torchvision's node names, so its weights map by name.
// Source: He et al., Deep Residual Learning for Image Recognition, 2015, table 1.

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
}

const VARIANTS = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2] },
  resnet34: { block: 'basic', depths: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', depths: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', depths: [3, 8, 36, 3] },
} as const satisfies Record<string, Variant>;

type ResNetName = keyof typeof VARIANTS;

function resnet(name: ResNetName, classes: number): Graph {
  const { block, depths } = VARIANTS[name];
  const b = graphBuilder(name, 224);
  let x = b.conv2d(b.input, 'conv1', { filters: 64, kernel: 7, stride: 2, pad: 3 });
  x = b.batchNormalization(x, 'bn1');
  x = b.activation(x, 'relu', 'relu');
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, pad: 1 });
  let channels = 64;
  depths.forEach((depth, stage) => {
    const width = 64 * 2 ** stage;
    for (let i = 0; i < depth; i++) {
      const stride = i === 0 && stage > 0 ? 2 : 1;
      x = residual(b, x, `layer${stage + 1}.${i}`, { block, width, stride, channels });
      channels = width * EXPANSION[block];
    }
  });
  x = b.globalAveragePooling2d(x, 'avgpool');
  return b.build(b.dense(x, 'fc', classes));
}

interface Residual {
  readonly block: Block;
  readonly width: number;
  readonly stride: number;
  /** Channels coming in. */
  readonly channels: number;
}

function residual(
  b: GraphBuilder,
  input: string,
  name: string,
  { block, width, stride, channels }: Residual,
): string {
  const out = width * EXPANSION[block];
  const convolutions =
    block === 'basic'
      ? [
          { filters: width, kernel: 3, stride, pad: 1 },
          { filters: width, kernel: 3, pad: 1 },
        ]
      : [
          { filters: width, kernel: 1 },
          { filters: width, kernel: 3, stride, pad: 1 },
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

export const RESNETS: Readonly<Record<ResNetName, Architecture>> = {
  resnet18: { build: (classes) => resnet('resnet18', classes), classifier: 'fc' },
  resnet34: { build: (classes) => resnet('resnet34', classes), classifier: 'fc' },
  resnet50: { build: (classes) => resnet('resnet50', classes), classifier: 'fc' },
  resnet101: { build: (classes) => resnet('resnet101', classes), classifier: 'fc' },
  resnet152: { build: (classes) => resnet('resnet152', classes), classifier: 'fc' },
};

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
