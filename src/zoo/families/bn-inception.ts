// bn-inception.ts: BN-Inception, which is Inception v2, under the names of its Caffe original, as Cadene ported it. It takes blue,
// green, red: the first kernel is turned round at import.
// Source: Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training, 2015, figure 5.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';

interface Module {
  /** Filters of the 1x1 branch; without it the module halves the picture. */
  readonly single?: number;
  /** Filters of the 3x3 branch and of the one with two of them, each before and after. */
  readonly small: readonly [number, number];
  readonly double: readonly [number, number];
  /** What the last branch pools, and its filters; nothing follows the pooling where the picture is halved. */
  readonly pool?: readonly ['mean' | 'max', number];
}

const MODULES: Readonly<Record<string, Module>> = {
  inception_3a: { single: 64, small: [64, 64], double: [64, 96], pool: ['mean', 32] },
  inception_3b: { single: 64, small: [64, 96], double: [64, 96], pool: ['mean', 64] },
  inception_3c: { small: [128, 160], double: [64, 96] },
  inception_4a: { single: 224, small: [64, 96], double: [96, 128], pool: ['mean', 128] },
  inception_4b: { single: 192, small: [96, 128], double: [96, 128], pool: ['mean', 128] },
  inception_4c: { single: 160, small: [128, 160], double: [128, 160], pool: ['mean', 128] },
  inception_4d: { single: 96, small: [128, 192], double: [160, 192], pool: ['mean', 128] },
  inception_4e: { small: [128, 192], double: [192, 256] },
  inception_5a: { single: 352, small: [192, 320], double: [160, 224], pool: ['mean', 128] },
  inception_5b: { single: 352, small: [192, 320], double: [192, 224], pool: ['max', 128] },
};

function bnInception(classes: number): Graph {
  const b = graphBuilder('bninception', 224);
  const convolution = (from: string, name: string, filters: number, kernel: 1 | 3 | 7, stride = 1) => {
    const x = b.conv2d(from, name, { filters, kernel, stride, pad: (kernel - 1) / 2, bias: true });
    // conv2_3x3 and conv2_relu_3x3, as the original calls them.
    const relu = name.replace(/^(conv\d|inception_..)/, '$1_relu');
    return b.activation(b.batchNormalization(x, `${name}_bn`), relu, 'relu');
  };
  const halved = (from: string, name: string) =>
    b.maxPooling2d(from, name, { kernel: 3, stride: 2, ceil: true });
  const inception = (from: string, name: string, { single, small, double, pool }: Module) => {
    const stride = pool ? 1 : 2;
    const ends = single === undefined ? [] : [convolution(from, `${name}_1x1`, single, 1)];
    let x = convolution(from, `${name}_3x3_reduce`, small[0], 1);
    ends.push(convolution(x, `${name}_3x3`, small[1], 3, stride));
    x = convolution(from, `${name}_double_3x3_reduce`, double[0], 1);
    x = convolution(x, `${name}_double_3x3_1`, double[1], 3);
    ends.push(convolution(x, `${name}_double_3x3_2`, double[1], 3, stride));
    if (!pool) return b.concatenate(`${name}_output`, ...ends, halved(from, `${name}_pool`));
    const [kind, filters] = pool;
    const window = { kernel: 3, stride: 1, pad: 1 };
    x =
      kind === 'mean'
        ? b.averagePooling2d(from, `${name}_pool`, window)
        : b.maxPooling2d(from, `${name}_pool`, window);
    return b.concatenate(`${name}_output`, ...ends, convolution(x, `${name}_pool_proj`, filters, 1));
  };

  let x = halved(convolution(b.input, 'conv1_7x7_s2', 64, 7, 2), 'pool1_3x3_s2');
  x = convolution(x, 'conv2_3x3_reduce', 64, 1);
  x = halved(convolution(x, 'conv2_3x3', 192, 3), 'pool2_3x3_s2');
  for (const [name, module] of Object.entries(MODULES)) x = inception(x, name, module);
  x = b.globalAveragePooling2d(x, 'global_pool');
  return b.build(b.dense(x, 'last_linear', classes));
}

export const BN_INCEPTIONS = {
  bninception: { build: bnInception, classifier: 'last_linear', namings: [asModules], isBgr: true },
} as const satisfies Record<string, Architecture>;
