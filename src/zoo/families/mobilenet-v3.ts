// mobilenet-v3.ts: MobileNet v3, large and small. torchvision's batch norm has TensorFlow's epsilon, timm's has torch's, so that they
// are different networks.
// Source: Howard et al., Searching for MobileNetV3, 2019, tables 1 and 2. The widths within a block are written as multiples of its
// input, as the narrower ones are made.

import { familyOf } from '../record.ts';
import { TIMM_MOBILENET_V3, TORCHVISION_MOBILENET_V3 } from './inverted-residual-names.ts';
import {
  invertedResiduals,
  roundChannels,
  widened,
  type Blocks,
  type InvertedResidualNetwork,
} from './inverted-residual.ts';

interface Plan {
  readonly stages: readonly (readonly Blocks[])[];
  readonly head: number;
  readonly hidden: number;
}

const LARGE: Plan = {
  stages: [
    [{ repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16, activation: 'relu' }],
    [
      { repeats: 1, kernel: 3, stride: 2, expansion: 4, filters: 24, activation: 'relu' },
      { repeats: 1, kernel: 3, stride: 1, expansion: 3, filters: 24, activation: 'relu' },
    ],
    [{ repeats: 3, kernel: 5, stride: 2, expansion: 3, filters: 40, gated: true, activation: 'relu' }],
    [
      { repeats: 1, kernel: 3, stride: 2, expansion: 6, filters: 80 },
      { repeats: 1, kernel: 3, stride: 1, expansion: 2.5, filters: 80 },
      { repeats: 2, kernel: 3, stride: 1, expansion: 2.3, filters: 80 },
    ],
    [{ repeats: 2, kernel: 3, stride: 1, expansion: 6, filters: 112, gated: true }],
    [{ repeats: 3, kernel: 5, stride: 2, expansion: 6, filters: 160, gated: true }],
  ],
  head: 960,
  hidden: 1280,
};

const SMALL: Plan = {
  stages: [
    [{ repeats: 1, kernel: 3, stride: 2, expansion: 1, filters: 16, gated: true, activation: 'relu' }],
    [
      { repeats: 1, kernel: 3, stride: 2, expansion: 4.5, filters: 24, activation: 'relu' },
      { repeats: 1, kernel: 3, stride: 1, expansion: 3.67, filters: 24, activation: 'relu' },
    ],
    [
      { repeats: 1, kernel: 5, stride: 2, expansion: 4, filters: 40, gated: true },
      { repeats: 2, kernel: 5, stride: 1, expansion: 6, filters: 40, gated: true },
    ],
    [{ repeats: 2, kernel: 5, stride: 1, expansion: 3, filters: 48, gated: true }],
    [{ repeats: 3, kernel: 5, stride: 2, expansion: 6, filters: 96, gated: true }],
  ],
  head: 576,
  hidden: 1024,
};

interface Variant {
  readonly width?: number;
  readonly epsilon?: number;
  readonly momentum?: number;
}

function mobilenetV3(
  { stages, head, hidden }: Plan,
  { width = 1, epsilon = 1e-5, momentum = 0.9 }: Variant,
): InvertedResidualNetwork {
  return {
    size: 224,
    // timm's half-width network keeps the whole stem.
    stem: width < 0.75 ? 16 : roundChannels(16 * width),
    stages: stages.map((rows) => widened(rows, width)),
    head: roundChannels(head * width),
    hidden,
    activation: 'hardSwish',
    squeezed: (_channels, expanded) => roundChannels(expanded / 4),
    gate: 'hardSigmoidTorch',
    pad: 'symmetric',
    epsilon,
    momentum,
    dropout: 0.2,
  };
}

const TORCHVISION: Variant = { epsilon: 1e-3, momentum: 0.99 };

const VARIANTS: Readonly<Record<string, readonly [Plan, Variant]>> = {
  mobilenet_v3_large: [LARGE, TORCHVISION],
  mobilenet_v3_small: [SMALL, TORCHVISION],
  mobilenetv3_large_100: [LARGE, {}],
  mobilenetv3_small_050: [SMALL, { width: 0.5 }],
  mobilenetv3_small_075: [SMALL, { width: 0.75 }],
  mobilenetv3_small_100: [SMALL, {}],
};

export const MOBILENETS_V3 = familyOf(VARIANTS, (name, [plan, variant]) => {
  const names = variant === TORCHVISION ? TORCHVISION_MOBILENET_V3 : TIMM_MOBILENET_V3;
  return invertedResiduals(name, mobilenetV3(plan, variant), names);
});
