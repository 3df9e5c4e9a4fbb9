// mnasnet.ts: MnasNet B1 at several widths, A1 (with gates), and the small one.
// Source: Tan et al., MnasNet, 2019, figure 7; B1 and the small network are those of TensorFlow's TPU models.

import type { Architecture } from '../record.ts';
import { TIMM, TORCHVISION_MNASNET } from './inverted-residual-names.ts';
import {
  invertedResiduals,
  roundChannels,
  widened,
  type Blocks,
  type InvertedResidualNetwork,
} from './inverted-residual.ts';

interface Plan {
  readonly stem: number;
  readonly rows: readonly Blocks[];
}

const B1: Plan = {
  stem: 32,
  rows: [
    { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16 },
    { repeats: 3, kernel: 3, stride: 2, expansion: 3, filters: 24 },
    { repeats: 3, kernel: 5, stride: 2, expansion: 3, filters: 40 },
    { repeats: 3, kernel: 5, stride: 2, expansion: 6, filters: 80 },
    { repeats: 2, kernel: 3, stride: 1, expansion: 6, filters: 96 },
    { repeats: 4, kernel: 5, stride: 2, expansion: 6, filters: 192 },
    { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320 },
  ],
};

const A1: Plan = {
  stem: 32,
  rows: [
    { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16 },
    { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 24 },
    { repeats: 3, kernel: 5, stride: 2, expansion: 3, filters: 40, gated: true },
    { repeats: 4, kernel: 3, stride: 2, expansion: 6, filters: 80 },
    { repeats: 2, kernel: 3, stride: 1, expansion: 6, filters: 112, gated: true },
    { repeats: 3, kernel: 5, stride: 2, expansion: 6, filters: 160, gated: true },
    { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320 },
  ],
};

const SMALL: Plan = {
  stem: 8,
  rows: [
    { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 8 },
    { repeats: 1, kernel: 3, stride: 2, expansion: 3, filters: 16 },
    { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 16 },
    { repeats: 4, kernel: 5, stride: 2, expansion: 6, filters: 32, gated: true },
    { repeats: 3, kernel: 3, stride: 1, expansion: 6, filters: 32, gated: true },
    { repeats: 3, kernel: 5, stride: 2, expansion: 6, filters: 88, gated: true },
    { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 144 },
  ],
};

/** @param momentum of batch norm: torchvision has TensorFlow's 0.9997 */
function mnasnet({ stem, rows }: Plan, width: number, momentum: number): InvertedResidualNetwork {
  return {
    size: 224,
    stem: roundChannels(stem * width),
    stages: widened(rows, width).map((row) => [row]),
    head: 1280,
    activation: 'relu',
    pad: 'symmetric',
    epsilon: 1e-5,
    momentum,
    dropout: 0.2,
  };
}

/** torchvision's first version: the stem and the first block had their full width in every network. */
const VERSION_1 = {
  weight: 'layers.0.weight',
  shape: [32, 3, 3, 3],
  what: "version 1 of torchvision's MNASNet, whose stem is as wide at every width; finch has version 2, of which torchvision's present files are",
} as const;

const torchvision = (name: string, width: number): Architecture => ({
  ...invertedResiduals(name, mnasnet(B1, width, 0.9997), TORCHVISION_MNASNET, [TIMM]),
  ...(width !== 1 && { namesake: VERSION_1 }),
});

const timm = (name: string, plan: Plan, width: number): Architecture =>
  invertedResiduals(name, mnasnet(plan, width, 0.9), TIMM);

export const MNASNETS: Readonly<Record<string, Architecture>> = {
  mnasnet0_5: torchvision('mnasnet0_5', 0.5),
  mnasnet0_75: torchvision('mnasnet0_75', 0.75),
  mnasnet1_0: torchvision('mnasnet1_0', 1),
  mnasnet1_3: torchvision('mnasnet1_3', 1.3),
  mnasnet_small: timm('mnasnet_small', SMALL, 1),
  semnasnet_075: timm('semnasnet_075', A1, 0.75),
  semnasnet_100: timm('semnasnet_100', A1, 1),
};
