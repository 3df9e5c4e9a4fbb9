// efficientnet-lite.ts: EfficientNet-Lite0-4 with TensorFlow's `same` padding, under the module names of their PyTorch ports.
// No squeeze-excite, ReLU6 throughout; stem and head are not scaled, the first and the last stage not deepened.
// Source: Tan and Le, EfficientNet, 2019, table 1; the lite variants of TensorFlow's TPU models, 2020.

import type { Architecture } from '../record.ts';
import { B0, type Scale } from './efficientnet.ts';
import { TENSORFLOW_PORT, TIMM, underscored } from './inverted-residual-names.ts';
import { invertedResiduals, widened, type InvertedResidualNetwork } from './inverted-residual.ts';

const SCALES: Readonly<Record<string, Scale>> = {
  efficientnet_lite0: { size: 224, width: 1, depth: 1, dropout: 0.2 },
  efficientnet_lite1: { size: 240, width: 1, depth: 1.1, dropout: 0.2 },
  efficientnet_lite2: { size: 260, width: 1.1, depth: 1.2, dropout: 0.3 },
  efficientnet_lite3: { size: 300, width: 1.2, depth: 1.4, dropout: 0.3 },
  efficientnet_lite4: { size: 380, width: 1.4, depth: 1.8, dropout: 0.3 },
};

function lite({ size, width, depth, dropout }: Scale): InvertedResidualNetwork {
  return {
    size,
    stem: 32,
    stages: widened(B0, width).map(({ repeats, ...row }, stage) => {
      const isFixed = stage === 0 || stage === B0.length - 1;
      return [
        {
          ...row,
          repeats: isFixed ? repeats : Math.ceil(repeats * depth),
          gated: false,
        },
      ];
    }),
    head: 1280,
    activation: 'relu6',
    pad: 'same',
    epsilon: 1e-3,
    momentum: 0.99,
    dropout,
  };
}

export const EFFICIENTNET_LITES: Readonly<Record<string, Architecture>> = {
  ...Object.fromEntries(
    Object.entries(SCALES).map(([name, scale]) => {
      const { namings, ...architecture } = invertedResiduals(name, lite(scale), TENSORFLOW_PORT, [TIMM]);
      return [name, { ...architecture, namings: [underscored, ...namings.slice(1)] }];
    }),
  ),
  /** timm's own, trained with torch's padding. */
  efficientnet_lite0_symmetric: invertedResiduals(
    'efficientnet_lite0_symmetric',
    { ...lite(SCALES['efficientnet_lite0']!), pad: 'symmetric', epsilon: 1e-5, momentum: 0.9 },
    TIMM,
  ),
};
