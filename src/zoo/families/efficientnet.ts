// efficientnet.ts: EfficientNet B0-B7 and v2 S, as torchvision has them, and with TensorFlow's padding (`tf_`).
// Sources: Tan and Le, EfficientNet, 2019, table 1, and EfficientNetV2, 2021, table 4. The scales are those of Google's code.

import type { Architecture } from '../record.ts';
import { TIMM, TORCHVISION_EFFICIENTNET } from './inverted-residual-names.ts';
import {
  invertedResiduals,
  roundChannels,
  widened,
  type Blocks,
  type InvertedResidualNetwork,
} from './inverted-residual.ts';

/** The rows of B0; EfficientNet-Lite has the same without gates. */
export const B0: readonly Blocks[] = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16, gated: true },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 24, gated: true },
  { repeats: 2, kernel: 5, stride: 2, expansion: 6, filters: 40, gated: true },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, filters: 80, gated: true },
  { repeats: 3, kernel: 5, stride: 1, expansion: 6, filters: 112, gated: true },
  { repeats: 4, kernel: 5, stride: 2, expansion: 6, filters: 192, gated: true },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320, gated: true },
];

const V2_S: readonly Blocks[] = [
  { repeats: 2, kernel: 3, stride: 1, expansion: 1, filters: 24, fused: true },
  { repeats: 4, kernel: 3, stride: 2, expansion: 4, filters: 48, fused: true },
  { repeats: 4, kernel: 3, stride: 2, expansion: 4, filters: 64, fused: true },
  { repeats: 6, kernel: 3, stride: 2, expansion: 4, filters: 128, gated: true },
  { repeats: 9, kernel: 3, stride: 1, expansion: 6, filters: 160, gated: true },
  { repeats: 15, kernel: 3, stride: 2, expansion: 6, filters: 256, gated: true },
];

export interface Scale {
  readonly size: number;
  readonly width: number;
  readonly depth: number;
  readonly dropout: number;
}

const SCALES: readonly Scale[] = [
  { size: 224, width: 1, depth: 1, dropout: 0.2 },
  { size: 240, width: 1, depth: 1.1, dropout: 0.2 },
  { size: 260, width: 1.1, depth: 1.2, dropout: 0.3 },
  { size: 300, width: 1.2, depth: 1.4, dropout: 0.3 },
  { size: 380, width: 1.4, depth: 1.8, dropout: 0.4 },
  { size: 456, width: 1.6, depth: 2.2, dropout: 0.4 },
  { size: 528, width: 1.8, depth: 2.6, dropout: 0.5 },
  { size: 600, width: 2, depth: 3.1, dropout: 0.5 },
];

const COMMON = { activation: 'swish', inGate: 'swish' } as const;

const plain = ({ size, width, depth, dropout }: Scale) => ({
  ...COMMON,
  size,
  stem: roundChannels(32 * width),
  stages: widened(B0, width).map((row) => [{ ...row, repeats: Math.ceil(row.repeats * depth) }]),
  head: roundChannels(1280 * width),
  dropout,
});

const v2S = (size: number) => ({
  ...COMMON,
  size,
  stem: 24,
  stages: V2_S.map((row) => [row]),
  head: 1280,
  dropout: 0.2,
});

/** torchvision's drop connect; timm has none unless asked for it. */
const TORCHVISION = { pad: 'symmetric', dropConnect: 0.2 } as const;
const TORCH_NORM = { epsilon: 1e-5, momentum: 0.9 } as const;
const TENSORFLOW_NORM = { epsilon: 1e-3, momentum: 0.99 } as const;
const TENSORFLOW = { pad: 'same', ...TENSORFLOW_NORM } as const;

function torchvision(name: string, network: InvertedResidualNetwork): Architecture {
  // timm has torch's epsilon throughout, so that its larger networks are others.
  const others = network.epsilon === TORCH_NORM.epsilon ? [TIMM] : [];
  return invertedResiduals(name, network, TORCHVISION_EFFICIENTNET, others);
}

export const EFFICIENTNETS: Readonly<Record<string, Architecture>> = Object.fromEntries([
  ...SCALES.map((scale, i) => {
    // B5 and larger are TensorFlow's weights.
    const norm = i < 5 ? TORCH_NORM : TENSORFLOW_NORM;
    const name = `efficientnet_b${i}`;
    return [name, torchvision(name, { ...plain(scale), ...TORCHVISION, ...norm })] as const;
  }),
  ...SCALES.map((scale, i) => {
    const name = `tf_efficientnet_b${i}`;
    return [name, invertedResiduals(name, { ...plain(scale), ...TENSORFLOW }, TIMM)] as const;
  }),
  [
    'efficientnet_v2_s',
    // TensorFlow's epsilon, and torch's momentum.
    torchvision('efficientnet_v2_s', { ...v2S(384), ...TORCHVISION, ...TORCH_NORM, epsilon: 1e-3 }),
  ],
  ['tf_efficientnetv2_s', invertedResiduals('tf_efficientnetv2_s', { ...v2S(300), ...TENSORFLOW }, TIMM)],
]);
