// resnet.ts: ResNet as torchvision builds it (v1.5: the stride sits in the bottleneck's 3x3).
// Layer names are torchvision's node names, so its weights map by name.
// ResNeXt is the same with grouped bottlenecks.
// Sources: He et al., Deep Residual Learning for Image Recognition, 2015, table 1; Xie et al., Aggregated Residual Transformations
// for Deep Neural Networks, 2016; torchvision's variants.

import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';

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

const VARIANTS: Readonly<Record<string, Variant>> = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2] },
  resnet34: { block: 'basic', depths: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', depths: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', depths: [3, 8, 36, 3] },
  resnext50_32x4d: { block: 'bottleneck', depths: [3, 4, 6, 3], groups: 32, groupWidth: 4 },
  resnext101_32x8d: { block: 'bottleneck', depths: [3, 4, 23, 3], groups: 32, groupWidth: 8 },
};

function resnet(
  name: string,
  { block, depths, groups = 1, groupWidth = 64 }: Variant,
  classes: number,
): Graph {
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

export const RESNETS: Readonly<Record<string, Architecture>> = Object.fromEntries(
  Object.entries(VARIANTS).map(([name, variant]) => [
    name,
    { build: (classes) => resnet(name, variant, classes), classifier: 'fc', namings: [asModules] },
  ]),
);
