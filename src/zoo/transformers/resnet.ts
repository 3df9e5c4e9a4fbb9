// resnet.ts: transformers' ResNet. Its last modules are a Sequential of a flattening and the classifier.

import * as z from 'zod';
import { RESNETS, resnet } from '../families/resnet.ts';
import { activation, depth, networkType, perStage, pictures, width } from './network-type.ts';

const STAGE = 'resnet.encoder.stages.{0}.layers.{0}';

export const readResnet = networkType({
  type: 'resnet',
  config: z.object({
    ...pictures,
    embedding_size: width.default(64),
    hidden_sizes: perStage(width).default([256, 512, 1024, 2048]),
    depths: perStage(depth).default([3, 4, 6, 3]),
    layer_type: z.enum(['basic', 'bottleneck']).default('bottleneck'),
    hidden_act: activation('relu'),
    downsample_in_first_stage: z.boolean().default(false),
    downsample_in_bottleneck: z.boolean().default(false),
  }),
  build: (config, classes) =>
    resnet(
      'resnet',
      {
        block: config.layer_type,
        depths: config.depths,
        widths: config.hidden_sizes,
        stem: config.embedding_size,
        activation: config.hidden_act,
        firstStride: config.downsample_in_first_stage ? 2 : 1,
        strided: config.downsample_in_bottleneck ? 'first' : 'second',
      },
      classes,
    ),
  classifier: 'fc',
  rules: [
    ['conv1', 'resnet.embedder.embedder.convolution'],
    ['bn1', 'resnet.embedder.embedder.normalization'],
    ['layer{1}.{0}.conv{1}', `${STAGE}.layer.{0}.convolution`],
    ['layer{1}.{0}.bn{1}', `${STAGE}.layer.{0}.normalization`],
    ['layer{1}.{0}.downsample.0', `${STAGE}.shortcut.convolution`],
    ['layer{1}.{0}.downsample.1', `${STAGE}.shortcut.normalization`],
    ['fc', 'classifier.1'],
  ],
  known: Object.keys(RESNETS),
});
