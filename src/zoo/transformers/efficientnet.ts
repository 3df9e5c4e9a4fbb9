// efficientnet.ts: transformers' EfficientNet, which follows Keras. A convolution of stride 2 is padded as for pictures of even sides, except
// in the blocks that the config lists (`depthwise_padding`), whose pictures have odd sides at the published size.

import * as z from 'zod';
import type { Graph } from '../../graph/layers.ts';
import { TENSORFLOW_PORT } from '../families/inverted-residual-names.ts';
import { invertedResidualNetwork, type PadRule } from '../families/inverted-residual.ts';
import { divisible } from './mobilenet.ts';
import {
  activation,
  depth,
  epsilon,
  factor,
  MAX_DEPTH,
  networkType,
  perStage,
  pictures,
  share,
  width,
} from './network-type.ts';

/** Behind windows of one pixel there would be less than no zeros. */
const kernel = z.int().min(3).max(31);

const repeated = (blocks: number, coefficient: number) => Math.ceil(blocks * coefficient);

const CONFIG = z
  .object({
    ...pictures,
    width_coefficient: factor.default(2),
    depth_coefficient: factor.default(3.1),
    depth_divisor: width.default(8),
    kernel_sizes: perStage(kernel).default([3, 3, 5, 3, 5, 5, 3]),
    in_channels: perStage(width).default([32, 16, 24, 40, 80, 112, 192]),
    out_channels: perStage(width).default([16, 24, 40, 80, 112, 192, 320]),
    depthwise_padding: z.array(z.int()).max(10_000).default([]),
    strides: perStage(z.union([z.literal(1), z.literal(2)])).default([1, 2, 2, 2, 1, 2, 1]),
    num_block_repeats: perStage(depth).default([1, 2, 2, 3, 3, 4, 1]),
    expand_ratios: perStage(z.int().min(1).max(64)).default([1, 6, 6, 6, 6, 6, 6]),
    squeeze_expansion_ratio: share.default(0.25),
    hidden_act: activation('swish'),
    hidden_dim: width.default(2560),
    pooling_type: z.literal('mean').default('mean'),
    batch_norm_eps: epsilon.default(1e-3),
    dropout_rate: share.default(0.5),
    drop_connect_rate: share.default(0.2),
  })
  .refine(
    (config) =>
      [
        config.kernel_sizes,
        config.out_channels,
        config.strides,
        config.num_block_repeats,
        config.expand_ratios,
      ].every((list) => list.length === config.in_channels.length),
    'its lists, one entry a stage, have different lengths',
  )
  .refine(
    (config) =>
      config.num_block_repeats.every((count) => repeated(count, config.depth_coefficient) <= MAX_DEPTH),
    {
      path: ['num_block_repeats'],
      message: `with depth_coefficient, a stage has more than ${MAX_DEPTH} blocks`,
    },
  );

function efficientnet(config: z.output<typeof CONFIG>, classes: number): Graph {
  const widened = (channels: number) => divisible(channels * config.width_coefficient, config.depth_divisor);
  const odd = new Set(config.depthwise_padding);
  const pad: PadRule = ({ kernel: side, stride, number }) => {
    const half = side >> 1;
    if (stride === 1 || (number !== undefined && odd.has(number))) return half;
    return { top: half - 1, left: half - 1, bottom: half, right: half };
  };
  const network = {
    size: 224,
    stem: widened(32),
    stages: config.in_channels.map((_, i) => [
      {
        repeats: repeated(config.num_block_repeats[i]!, config.depth_coefficient),
        kernel: config.kernel_sizes[i]!,
        stride: config.strides[i]!,
        expansion: config.expand_ratios[i]!,
        filters: widened(config.out_channels[i]!),
        gated: true,
      },
    ]),
    head: widened(1280),
    activation: config.hidden_act,
    inGate: config.hidden_act,
    squeezed: (channels: number) => Math.max(1, Math.trunc(channels * config.squeeze_expansion_ratio)),
    pad,
    rounded: (channels: number) => channels,
    addsFirst: false,
    epsilon: config.batch_norm_eps,
    momentum: 0.99,
    dropout: config.dropout_rate,
    dropConnect: config.drop_connect_rate,
  } as const;
  return invertedResidualNetwork('efficientnet', network, TENSORFLOW_PORT, classes);
}

const BLOCK = 'efficientnet.encoder.blocks.{0}';

export const readEfficientnet = networkType({
  type: 'efficientnet',
  config: CONFIG,
  build: efficientnet,
  classifier: 'fc',
  rules: [
    ['conv_stem', 'efficientnet.embeddings.convolution'],
    ['bn0', 'efficientnet.embeddings.batchnorm'],
    ['blocks.{0}.expand_conv', `${BLOCK}.expansion.expand_conv`],
    ['blocks.{0}.bn0', `${BLOCK}.expansion.expand_bn`],
    ['blocks.{0}.depthwise_conv', `${BLOCK}.depthwise_conv.depthwise_conv`],
    ['blocks.{0}.bn1', `${BLOCK}.depthwise_conv.depthwise_norm`],
    ['blocks.{0}.se_reduce', `${BLOCK}.squeeze_excite.reduce`],
    ['blocks.{0}.se_expand', `${BLOCK}.squeeze_excite.expand`],
    ['blocks.{0}.project_conv', `${BLOCK}.projection.project_conv`],
    ['blocks.{0}.bn2', `${BLOCK}.projection.project_bn`],
    ['conv_head', 'efficientnet.encoder.top_conv'],
    ['bn1', 'efficientnet.encoder.top_bn'],
    ['fc', 'classifier'],
  ],
});
