// efficientnet-lite.ts: EfficientNet-Lite0 under the module names of its PyTorch port, less the underscore before each:
// TensorFlow.js takes no variable that begins with one.
// No squeeze-excite, ReLU6 throughout, stem and head not scaled, TensorFlow's `same` padding.
// Source: Tan and Le, EfficientNet, 2019, table 1; the lite variants of TensorFlow's TPU models, 2020.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import type { Architecture } from '../record.ts';

interface Stage {
  readonly repeats: number;
  readonly kernel: number;
  readonly stride: number;
  /** How many times the depthwise convolution is wider than the block's input. */
  readonly expansion: number;
  readonly filters: number;
}

const STAGES: readonly Stage[] = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, filters: 16 },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, filters: 24 },
  { repeats: 2, kernel: 5, stride: 2, expansion: 6, filters: 40 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, filters: 80 },
  { repeats: 3, kernel: 5, stride: 1, expansion: 6, filters: 112 },
  { repeats: 4, kernel: 5, stride: 2, expansion: 6, filters: 192 },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, filters: 320 },
];

function efficientnetLite0(classes: number): Graph {
  const b = graphBuilder('efficientnet_lite0', 224);
  const bn = { epsilon: 1e-3, momentum: 0.99 };
  /** Convolution, batch norm, ReLU6. */
  const activated = (
    from: string,
    conv: string,
    norm: string,
    filters: number,
    kernel: number,
    stride = 1,
  ) => {
    const x = b.conv2d(from, conv, { filters, kernel, stride, pad: 'same' });
    return b.activation(b.batchNormalization(x, norm, bn), `${norm}.relu6`, 'relu6');
  };

  let x = activated(b.input, 'conv_stem', 'bn0', 32, 3, 2);
  let channels = 32;
  let index = 0;
  for (const { repeats, kernel, stride: firstStride, expansion, filters } of STAGES) {
    for (let i = 0; i < repeats; i++) {
      const block = `blocks.${index++}`;
      const stride = i === 0 ? firstStride : 1;
      const input = x;
      if (expansion !== 1) x = activated(x, `${block}.expand_conv`, `${block}.bn0`, channels * expansion, 1);
      x = b.depthwiseConv2d(x, `${block}.depthwise_conv`, { kernel, stride, pad: 'same' });
      x = b.activation(b.batchNormalization(x, `${block}.bn1`, bn), `${block}.bn1.relu6`, 'relu6');
      x = b.conv2d(x, `${block}.project_conv`, { filters, kernel: 1, pad: 'same' });
      x = b.batchNormalization(x, `${block}.bn2`, bn);
      if (stride === 1 && channels === filters) x = b.add(`${block}.add`, x, input);
      channels = filters;
    }
  }
  x = activated(x, 'conv_head', 'bn1', 1280, 1);
  x = b.globalAveragePooling2d(x, 'avg_pooling');
  x = b.dropout(x, 'dropout', 0.2);
  return b.build(b.dense(x, 'fc', classes));
}

export const EFFICIENTNET_LITES = {
  efficientnet_lite0: {
    build: efficientnetLite0,
    classifier: 'fc',
    namings: [
      (layer, suffix) =>
        `${layer
          .split('.')
          .map((part) => (/^\d/.test(part) ? part : `_${part}`))
          .join('.')}.${suffix}`,
    ],
  },
} as const satisfies Record<string, Architecture>;
