// mobilenet-v2.ts: MobileNet v2 at several widths.
// Source: Sandler et al., MobileNetV2, 2018, table 2. timm's widths 0.5 and 1.4 are the same plan; the last convolution is never
// narrower than 1280 channels.

import type { Architecture } from '../record.ts';
import { TIMM, TORCHVISION_MOBILENET_V2 } from './inverted-residual-names.ts';
import {
  invertedResiduals,
  roundChannels,
  widened,
  type Blocks,
  type InvertedResidualNetwork,
} from './inverted-residual.ts';

const STAGES: readonly Blocks[] = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16 },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 24 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, filters: 32 },
  { repeats: 4, kernel: 3, stride: 2, expansion: 6, filters: 64 },
  { repeats: 3, kernel: 3, stride: 1, expansion: 6, filters: 96 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, filters: 160 },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320 },
];

const mobilenetV2 = (width: number): InvertedResidualNetwork => ({
  size: 224,
  stem: roundChannels(32 * width),
  stages: widened(STAGES, width).map((row) => [row]),
  head: roundChannels(1280 * Math.max(1, width)),
  activation: 'relu6',
  pad: 'symmetric',
  epsilon: 1e-5,
  momentum: 0.9,
  dropout: 0.2,
});

export const MOBILENETS_V2: Readonly<Record<string, Architecture>> = {
  mobilenet_v2: invertedResiduals('mobilenet_v2', mobilenetV2(1), TORCHVISION_MOBILENET_V2, [TIMM]),
  mobilenetv2_050: invertedResiduals('mobilenetv2_050', mobilenetV2(0.5), TIMM),
  mobilenetv2_140: invertedResiduals('mobilenetv2_140', mobilenetV2(1.4), TIMM),
};
