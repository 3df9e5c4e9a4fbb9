// mobilenet.ts: transformers' MobileNet v1 and v2, which are TensorFlow's: its padding and the epsilon of its batch norm.

import * as z from 'zod';
import { graphBuilder } from '../../graph/builder.ts';
import type { ActivationName, Graph } from '../../graph/layers.ts';
import { roundHalfToEven } from '../../util/round.ts';
import { TENSORFLOW_PORT } from '../families/inverted-residual-names.ts';
import { invertedResidualNetwork, type Blocks } from '../families/inverted-residual.ts';
import { activation, epsilon, factor, networkType, pictures, share, width } from './network-type.ts';

const common = {
  ...pictures,
  depth_multiplier: factor.default(1),
  min_depth: width.default(8),
  hidden_act: activation('relu6'),
  tf_padding: z.boolean().default(true),
  layer_norm_eps: epsilon.default(1e-3),
};

/**
 * The share of a dropout. TensorFlow's code has the share that is kept (0.999), and the library passes this number to torch, which takes it
 * for the share that is dropped.
 */
const dropped = (kept: number) => Math.min(kept, 1 - kept);

/** Strides of the thirteen blocks of version 1. The channels double in the first block and in those of stride 2. */
const STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1] as const;

export const readMobilenetV1 = networkType({
  type: 'mobilenet_v1',
  config: z.object({ ...common, classifier_dropout_prob: share.default(0.999) }),
  build: (config, classes) => {
    const b = graphBuilder('mobilenet_v1', 224);
    const normalized = (convolution: string, module: string, hiddenAct: ActivationName) => {
      const x = b.batchNormalization(convolution, `${module}.normalization`, { epsilon: config.layer_norm_eps, momentum: 0.99 }); // prettier-ignore
      return b.activation(x, `${module}.activation`, hiddenAct);
    };
    const pad = config.tf_padding ? 'same' : 1;
    const widened = (channels: number) => Math.max(Math.trunc(channels * config.depth_multiplier), config.min_depth); // prettier-ignore
    const stem = 'mobilenet_v1.conv_stem';
    const window = { filters: widened(32), kernel: 3, stride: 2, pad } as const;
    let x = normalized(b.conv2d(b.input, `${stem}.convolution`, window), stem, config.hidden_act);
    let channels = 32;
    STRIDES.forEach((stride, i) => {
      if (stride === 2 || i === 0) channels *= 2;
      const [depthwise, pointwise] = [`mobilenet_v1.layer.${2 * i}`, `mobilenet_v1.layer.${2 * i + 1}`];
      x = b.depthwiseConv2d(x, `${depthwise}.convolution`, { kernel: 3, stride, pad });
      x = normalized(x, depthwise, config.hidden_act);
      x = b.conv2d(x, `${pointwise}.convolution`, { filters: widened(channels), kernel: 1 });
      x = normalized(x, pointwise, config.hidden_act);
    });
    x = b.globalAveragePooling2d(x, 'mobilenet_v1.pooler');
    x = b.dropout(x, 'dropout', dropped(config.classifier_dropout_prob));
    return b.build(b.dense(x, 'classifier', classes));
  },
  classifier: 'classifier',
  rules: [],
});

/** Channels of the seventeen blocks of version 2, and the strides of all but the first, which has the stem's. */
const CHANNELS = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320] as const;
const V2_STRIDES = [2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1] as const;

const V2_CONFIG = z.object({
  ...common,
  depth_divisible_by: width.default(8),
  expand_ratio: factor.gt(1).default(6),
  // A smaller output_stride would need dilated convolutions.
  output_stride: z.literal(32).default(32),
  first_layer_is_expansion: z.literal(true).default(true),
  finegrained_output: z.boolean().default(true),
  classifier_dropout_prob: share.default(0.8),
});

function mobilenetV2(config: z.output<typeof V2_CONFIG>, classes: number): Graph {
  const { depth_divisible_by: divisor, min_depth: least, depth_multiplier: multiplier } = config;
  const rounded = (channels: number) => divisible(roundHalfToEven(channels), divisor, least);
  const widened = (channels: number) => rounded(channels * multiplier);
  const rows = CHANNELS.map((channels, i): Blocks => {
    const place =
      i === 0 ? { stride: 1, expansion: 1 } : { stride: V2_STRIDES[i - 1]!, expansion: config.expand_ratio };
    return { repeats: 1, kernel: 3, filters: widened(channels), ...place };
  });
  const network = {
    size: 224,
    stem: widened(32),
    stages: rows.map((row) => [row]),
    head: config.finegrained_output && multiplier < 1 ? 1280 : widened(1280),
    activation: config.hidden_act,
    rounded,
    pad: config.tf_padding ? 'same' : 'symmetric',
    epsilon: config.layer_norm_eps,
    momentum: 0.99,
    dropout: dropped(config.classifier_dropout_prob),
  } as const;
  return invertedResidualNetwork('mobilenet_v2', network, TENSORFLOW_PORT, classes);
}

/** To a multiple of the divisor that is not below nine tenths, as TensorFlow's code rounds. */
export function divisible(channels: number, divisor: number, least = divisor): number {
  const rounded = Math.max(least, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

export const readMobilenetV2 = networkType({
  type: 'mobilenet_v2',
  config: V2_CONFIG,
  build: mobilenetV2,
  classifier: 'fc',
  rules: [
    ['conv_stem', 'mobilenet_v2.conv_stem.first_conv.convolution'],
    ['bn0', 'mobilenet_v2.conv_stem.first_conv.normalization'],
    ['blocks.0.depthwise_conv', 'mobilenet_v2.conv_stem.conv_3x3.convolution'],
    ['blocks.0.bn1', 'mobilenet_v2.conv_stem.conv_3x3.normalization'],
    ['blocks.0.project_conv', 'mobilenet_v2.conv_stem.reduce_1x1.convolution'],
    ['blocks.0.bn2', 'mobilenet_v2.conv_stem.reduce_1x1.normalization'],
    ['blocks.{1}.expand_conv', 'mobilenet_v2.layer.{0}.expand_1x1.convolution'],
    ['blocks.{1}.bn0', 'mobilenet_v2.layer.{0}.expand_1x1.normalization'],
    ['blocks.{1}.depthwise_conv', 'mobilenet_v2.layer.{0}.conv_3x3.convolution'],
    ['blocks.{1}.bn1', 'mobilenet_v2.layer.{0}.conv_3x3.normalization'],
    ['blocks.{1}.project_conv', 'mobilenet_v2.layer.{0}.reduce_1x1.convolution'],
    ['blocks.{1}.bn2', 'mobilenet_v2.layer.{0}.reduce_1x1.normalization'],
    ['conv_head', 'mobilenet_v2.conv_1x1.convolution'],
    ['bn1', 'mobilenet_v2.conv_1x1.normalization'],
    ['fc', 'classifier'],
  ],
});
