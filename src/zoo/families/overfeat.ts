// overfeat.ts: OverFeat's fast and accurate networks, where the picture has shrunk to one place before the classifier.
// Source: Sermanet et al., OverFeat: Integrated Recognition, Localization and Detection using Convolutional Networks, 2013, tables 1
// and 3.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';

/** A window without padding, but 3x3, which is padded by one; `pool` is the side of the pooling that follows. */
interface Convolution {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly pool?: number;
}

interface Variant {
  readonly size: number;
  /** The last one sees the whole of what is left of the picture. */
  readonly convolutions: readonly Convolution[];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  overfeat_fast: {
    size: 231,
    convolutions: [
      { filters: 96, kernel: 11, stride: 4, pool: 2 },
      { filters: 256, kernel: 5, pool: 2 },
      { filters: 512, kernel: 3 },
      { filters: 1024, kernel: 3 },
      { filters: 1024, kernel: 3, pool: 2 },
      { filters: 3072, kernel: 6 },
    ],
  },
  overfeat_accurate: {
    size: 221,
    convolutions: [
      { filters: 96, kernel: 7, stride: 2, pool: 3 },
      { filters: 256, kernel: 7, pool: 2 },
      { filters: 512, kernel: 3 },
      { filters: 512, kernel: 3 },
      { filters: 1024, kernel: 3 },
      { filters: 1024, kernel: 3, pool: 3 },
      { filters: 4096, kernel: 5 },
    ],
  },
};

function overfeat(name: string, { size, convolutions }: Variant, classes: number): Graph {
  const b = graphBuilder(name, size);
  let x = b.input;
  convolutions.forEach(({ filters, kernel, stride = 1, pool }, i) => {
    const pad = kernel === 3 ? 1 : 0;
    x = b.conv2d(x, `conv${i + 1}`, { filters, kernel, stride, pad, bias: true });
    x = b.activation(x, `relu${i + 1}`, 'relu');
    if (pool !== undefined) x = b.maxPooling2d(x, `pool${i + 1}`, { kernel: pool, stride: pool });
  });
  const hidden = b.dense(b.flatten(x, 'flatten'), 'fc1', 4096);
  x = b.activation(hidden, 'fc1.relu', 'relu');
  return b.build(b.dense(x, 'fc2', classes));
}

export const OVERFEATS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => overfeat(name, variant, classes),
  classifier: 'fc2',
  namings: [asModules],
}));
