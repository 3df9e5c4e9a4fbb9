// regnet.ts: transformers' RegNet X and Y. The gate of Y is a layer in the numbering of a block's layers.

import * as z from 'zod';
import { checkedAs } from '../../util/checked.ts';
import { TIMM, regnet } from '../families/regnet.ts';
import type { Rule } from '../renamed.ts';
import { activation, depth, networkType, perStage, pictures, width } from './network-type.ts';

const BLOCK = 'regnet.encoder.stages.{0}.layers.{0}';

/** A convolution and its batch norm. */
const unit = (ours: string, theirs: string): readonly Rule[] => [
  [`${ours}.conv`, `${theirs}.convolution`],
  [`${ours}.bn`, `${theirs}.normalization`],
];

const RULES: readonly Rule[] = [
  ...unit('stem', 'regnet.embedder.embedder'),
  ...unit('s{1}.b{1}.conv1', `${BLOCK}.layer.0`),
  ...unit('s{1}.b{1}.conv2', `${BLOCK}.layer.1`),
  ['s{1}.b{1}.se.fc1', `${BLOCK}.layer.2.attention.0`],
  ['s{1}.b{1}.se.fc2', `${BLOCK}.layer.2.attention.2`],
  ...unit('s{1}.b{1}.downsample', `${BLOCK}.shortcut`),
  ['head.fc', 'classifier.1'],
];

const typeOf = (layerType: 'x' | 'y') =>
  networkType({
    type: 'regnet',
    config: z.object({
      ...pictures,
      embedding_size: width.default(32),
      hidden_sizes: perStage(width).default([128, 192, 512, 1088]),
      depths: perStage(depth).default([2, 6, 12, 2]),
      groups_width: width.default(64),
      hidden_act: activation('relu'),
      downsample_in_first_stage: z.boolean().default(true),
    }),
    build: (config, classes) =>
      regnet(
        'regnet',
        {
          depths: config.depths,
          widths: config.hidden_sizes,
          groupWidth: config.groups_width,
          stem: config.embedding_size,
          activation: config.hidden_act,
          firstStride: config.downsample_in_first_stage ? 2 : 1,
          isPlain: layerType === 'x',
        },
        TIMM,
        classes,
      ),
    classifier: 'head.fc',
    rules: [...RULES, ...unit('s{1}.b{1}.conv3', `${BLOCK}.layer.${layerType === 'x' ? 2 : 3}`)],
  });

const TYPES = { x: typeOf('x'), y: typeOf('y') };
const LAYER_TYPE = z.object({ layer_type: z.enum(['x', 'y']).default('y') });

export const readRegnet: (typeof TYPES)['x'] = (config, file) =>
  TYPES[checkedAs(LAYER_TYPE, config, { file, writer: 'transformers' }).layer_type](config, file);
