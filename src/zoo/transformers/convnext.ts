// convnext.ts: transformers' ConvNeXt. Version 2 divides each channel by the mean of their norms, for which finch has no layer.

import * as z from 'zod';
import { CONVNEXTS, convnext } from '../families/convnext.ts';
import { activation, depth, epsilon, networkType, perStage, pictures, share, width } from './network-type.ts';

const BLOCK = 'convnext.encoder.stages.{0}.layers.{0}';

export const readConvnext = networkType({
  type: 'convnext',
  config: z
    .object({
      ...pictures,
      patch_size: z.int().min(1).max(64).default(4),
      hidden_sizes: perStage(width).default([96, 192, 384, 768]),
      depths: perStage(depth).default([3, 3, 9, 3]),
      hidden_act: activation('gelu'),
      layer_norm_eps: epsilon.default(1e-12),
      layer_scale_init_value: z.number().default(1e-6),
      drop_path_rate: share.default(0),
    })
    .refine(
      ({ hidden_sizes: widths, depths }) => widths.length === depths.length,
      'hidden_sizes and depths differ',
    ),
  build: (config, classes) =>
    convnext(
      'convnext',
      {
        depths: config.depths,
        width: config.hidden_sizes,
        patch: config.patch_size,
        activation: config.hidden_act,
        finalEpsilon: config.layer_norm_eps,
        hasLayerScale: config.layer_scale_init_value > 0,
        dropPath: config.drop_path_rate,
      },
      classes,
    ),
  classifier: 'classifier.2',
  rules: [
    ['features.0.0', 'convnext.embeddings.patch_embeddings'],
    ['features.0.1', 'convnext.embeddings.layernorm'],
    ['features.{2+2}.{0}', 'convnext.encoder.stages.{1}.downsampling_layer.{0}'],
    ['features.{1+2}.{0}.block.0', `${BLOCK}.dwconv`],
    ['features.{1+2}.{0}.block.2', `${BLOCK}.layernorm`],
    ['features.{1+2}.{0}.block.3', `${BLOCK}.pwconv1`],
    ['features.{1+2}.{0}.block.5', `${BLOCK}.pwconv2`],
    ['features.{1+2}.{0}.layer_scale.weight', `${BLOCK}.layer_scale_parameter`],
    ['classifier.0', 'convnext.layernorm'],
    ['classifier.2', 'classifier'],
  ],
  known: Object.keys(CONVNEXTS),
});
