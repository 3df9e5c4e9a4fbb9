// inception-v4.ts: Inception v4 under timm's names, which are Cadene's.
// Source: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016, figures 3 to 9.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';
import { convolution, inception, type Branches } from './inception-modules.ts';

const MODULE_A: Branches = {
  branch0: [['1x1', 96]],
  branch1: [['1x1', 64], ['3x3', 96]], // prettier-ignore
  branch2: [['1x1', 64], ['3x3', 96], ['3x3', 96]], // prettier-ignore
  branch3: ['mean', ['1x1', 96]],
};

const MODULE_B: Branches = {
  branch0: [['1x1', 384]],
  branch1: [['1x1', 192], ['1x7', 224], ['7x1', 256]], // prettier-ignore
  branch2: [['1x1', 192], ['7x1', 192], ['1x7', 224], ['7x1', 224], ['1x7', 256]], // prettier-ignore
  branch3: ['mean', ['1x1', 128]],
};

const MODULE_C: Branches = {
  branch0: [['1x1', 256]],
  branch1: [['1x1', 384], ['1x3 and 3x1', 256]], // prettier-ignore
  branch2: [['1x1', 384], ['3x1', 448], ['1x3', 512], ['1x3 and 3x1', 256]], // prettier-ignore
  branch3: ['mean', ['1x1', 256]],
};

/** What follows the first three convolutions. */
const MODULES: readonly Branches[] = [
  { maxpool: ['max/2'], conv: [['3x3/2', 96]] },
  {
    branch0: [['1x1', 64], ['3x3 valid', 96]], // prettier-ignore
    branch1: [['1x1', 64], ['1x7', 64], ['7x1', 64], ['3x3 valid', 96]], // prettier-ignore
  },
  { conv: [['3x3/2', 192]], maxpool: ['max/2'] },
  ...times(4, MODULE_A),
  {
    branch0: [['3x3/2', 384]],
    branch1: [['1x1', 192], ['3x3', 224], ['3x3/2', 256]], // prettier-ignore
    branch2: ['max/2'],
  },
  ...times(7, MODULE_B),
  {
    branch0: [['1x1', 192], ['3x3/2', 192]], // prettier-ignore
    branch1: [['1x1', 256], ['1x7', 256], ['7x1', 320], ['3x3/2', 320]], // prettier-ignore
    branch2: ['max/2'],
  },
  ...times(3, MODULE_C),
];

function times(count: number, branches: Branches): readonly Branches[] {
  return Array.from({ length: count }, () => branches);
}

function inceptionV4(classes: number): Graph {
  const b = graphBuilder('inception_v4', 299);
  let x = convolution(b, b.input, 'features.0', '3x3/2', 32);
  x = convolution(b, x, 'features.1', '3x3 valid', 32);
  x = convolution(b, x, 'features.2', '3x3', 64);
  MODULES.forEach((branches, i) => {
    x = inception(b, x, `features.${i + 3}`, branches, (branch, index, { length }) => {
      // Only the last kind of module is no Sequential in its first branches.
      const mark = branches === MODULE_C && branch !== 'branch3' ? '_' : '.';
      return length === 1 ? branch : `${branch}${mark}${index}`;
    });
  });
  x = b.globalAveragePooling2d(x, 'global_pool');
  return b.build(b.dense(x, 'last_linear', classes));
}

export const INCEPTION_V4S = {
  inception_v4: { build: inceptionV4, classifier: 'last_linear', namings: [asModules], hasBackground: true },
} as const satisfies Record<string, Architecture>;
