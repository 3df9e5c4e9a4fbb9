// networks.ts: the networks of the transformers library that finch builds, by `model_type`, and why others are not among them.

import { readConvnext } from './convnext.ts';
import { readEfficientnet } from './efficientnet.ts';
import { readMobilenetV1, readMobilenetV2 } from './mobilenet.ts';
import type { ReadNetwork } from './network-type.ts';
import { readRegnet } from './regnet.ts';
import { readResnet } from './resnet.ts';

export const TRANSFORMERS_NETWORKS: Readonly<Record<string, ReadNetwork>> = {
  convnext: readConvnext,
  efficientnet: readEfficientnet,
  mobilenet_v1: readMobilenetV1,
  mobilenet_v2: readMobilenetV2,
  regnet: readRegnet,
  resnet: readResnet,
};
