// shufflenet.ts: ShuffleNet v2 under torchvision's module names: half of the channels pass a block as they are, and a shuffle mixes the
// halves before the next.
// Source: Ma et al., ShuffleNet V2, 2018, table 5 and figure 3.

import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { Graph, Size2d } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';

/** Channels of the three stages, and of the convolution before the pooling. */
const VARIANTS: Readonly<Record<string, readonly [number, number, number, number]>> = {
  shufflenet_v2_x0_5: [48, 96, 192, 1024],
  shufflenet_v2_x1_0: [116, 232, 464, 1024],
  shufflenet_v2_x1_5: [176, 352, 704, 1024],
  shufflenet_v2_x2_0: [244, 488, 976, 2048],
};

/** Blocks in each stage. */
const DEPTHS = [4, 8, 4] as const;

function shufflenet(
  name: string,
  [...widths]: readonly number[],
  classes: number,
  sides: Size2d = [224, 224],
): Graph {
  const b = graphBuilder(name, sides);
  const last = widths.pop()!;
  let x = pointwise(b, b.input, ['conv1', 0], { filters: 24, kernel: 3, stride: 2, pad: 1 });
  x = b.maxPooling2d(x, 'maxpool', { kernel: 3, stride: 2, pad: 1 });
  DEPTHS.forEach((depth, stage) => {
    const half = widths[stage]! / 2;
    for (let i = 0; i < depth; i++) {
      const block = `stage${stage + 2}.${i}`;
      const [kept, worked] = i === 0 ? [shrunk(b, x, block, half), x] : halves(b, x, block, half);
      x = b.concatenate(
        `${block}.cat`,
        kept,
        branch(b, worked, block, { filters: half, stride: i === 0 ? 2 : 1 }),
      );
      x = b.shuffleChannels(x, `${block}.shuffle`, 2);
    }
  });
  x = pointwise(b, x, ['conv5', 0], { filters: last, kernel: 1 });
  x = b.globalAveragePooling2d(x, 'avgpool');
  return b.build(b.dense(x, 'fc', classes));
}

type Convolution = Parameters<GraphBuilder['conv2d']>[2];

/** Convolution, batch norm, ReLU: three modules of a Sequential, from the first one's number on. */
function pointwise(
  b: GraphBuilder,
  from: string,
  [module, first]: readonly [string, number],
  convolution: Convolution,
): string {
  let x = b.conv2d(from, `${module}.${first}`, convolution);
  x = b.batchNormalization(x, `${module}.${first + 1}`);
  return b.activation(x, `${module}.${first + 2}`, 'relu');
}

function halves(b: GraphBuilder, x: string, block: string, half: number): readonly [string, string] {
  return [
    b.sliceChannels(x, `${block}.kept`, 0, half),
    b.sliceChannels(x, `${block}.worked`, half, 2 * half),
  ];
}

/** The first block of a stage halves the picture; what passes by is made smaller too. */
function shrunk(b: GraphBuilder, from: string, block: string, filters: number): string {
  let x = b.depthwiseConv2d(from, `${block}.branch1.0`, { kernel: 3, stride: 2, pad: 1 });
  x = b.batchNormalization(x, `${block}.branch1.1`);
  return pointwise(b, x, [`${block}.branch1`, 2], { filters, kernel: 1 });
}

function branch(
  b: GraphBuilder,
  from: string,
  block: string,
  { filters, stride }: { readonly filters: number; readonly stride: number },
): string {
  const module = `${block}.branch2`;
  let x = pointwise(b, from, [module, 0], { filters, kernel: 1 });
  x = b.depthwiseConv2d(x, `${module}.3`, { kernel: 3, stride, pad: 1 });
  x = b.batchNormalization(x, `${module}.4`);
  return pointwise(b, x, [module, 5], { filters, kernel: 1 });
}

export const SHUFFLENETS = familyOf(VARIANTS, (name, widths) => ({
  build: (classes, sides) => shufflenet(name, widths, classes, sides),
  classifier: 'fc',
  namings: [asModules],
}));
