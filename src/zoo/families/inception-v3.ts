// inception-v3.ts: Inception v3 as torchvision builds it, without the head that only helped its training.
// Source: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015, table 1 and figures 5 to 7.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';
import { inception, stem, type Branches } from './inception-modules.ts';

/** Figure 5: 5x5 windows as two of 3x3. */
const small = (pooled: number): Branches => ({
  branch1x1: [['1x1', 64]],
  branch5x5: [['1x1', 48], ['5x5', 64]], // prettier-ignore
  branch3x3dbl: [['1x1', 64], ['3x3', 96], ['3x3', 96]], // prettier-ignore
  branch_pool: ['mean with zeros', ['1x1', pooled]],
});

/** Figure 6: 7x7 windows as 1x7 and 7x1. @param within filters of the windows before the last */
const factorized = (within: number): Branches => ({
  branch1x1: [['1x1', 192]],
  branch7x7: [['1x1', within], ['1x7', within], ['7x1', 192]], // prettier-ignore
  branch7x7dbl: [['1x1', within], ['7x1', within], ['1x7', within], ['7x1', within], ['1x7', 192]], // prettier-ignore
  branch_pool: ['mean with zeros', ['1x1', 192]],
});

/** Figure 7: the last windows stand beside each other. */
const WIDE: Branches = {
  branch1x1: [['1x1', 320]],
  branch3x3: [['1x1', 384], ['1x3 and 3x1', 384]], // prettier-ignore
  branch3x3dbl: [['1x1', 448], ['3x3', 384], ['1x3 and 3x1', 384]], // prettier-ignore
  branch_pool: ['mean with zeros', ['1x1', 192]],
};

const MODULES: Readonly<Record<string, Branches>> = {
  Mixed_5b: small(32),
  Mixed_5c: small(64),
  Mixed_5d: small(64),
  Mixed_6a: {
    branch3x3: [['3x3/2', 384]],
    branch3x3dbl: [['1x1', 64], ['3x3', 96], ['3x3/2', 96]], // prettier-ignore
    branch_pool: ['max/2'],
  },
  Mixed_6b: factorized(128),
  Mixed_6c: factorized(160),
  Mixed_6d: factorized(160),
  Mixed_6e: factorized(192),
  Mixed_7a: {
    branch3x3: [['1x1', 192], ['3x3/2', 320]], // prettier-ignore
    branch7x7x3: [['1x1', 192], ['1x7', 192], ['7x1', 192], ['3x3/2', 192]], // prettier-ignore
    branch_pool: ['max/2'],
  },
  Mixed_7b: WIDE,
  Mixed_7c: WIDE,
};

function inceptionV3(classes: number): Graph {
  const b = graphBuilder('inception_v3', 299);
  let x = stem(b, ['Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3', 'maxpool1', 'Conv2d_3b_1x1', 'Conv2d_4a_3x3', 'maxpool2']); // prettier-ignore
  for (const [name, branches] of Object.entries(MODULES)) {
    x = inception(b, x, name, branches, (branch, index, steps) => {
      if (typeof steps[index] === 'string') return 'pool';
      return steps.length === 1 || branch === 'branch_pool' ? branch : `${branch}_${index + 1}`;
    });
  }
  x = b.dropout(b.globalAveragePooling2d(x, 'avgpool'), 'dropout', 0.5);
  return b.build(b.dense(x, 'fc', classes));
}

export const INCEPTION_V3S = {
  inception_v3: { build: inceptionV3, classifier: 'fc', namings: [asModules], auxiliary: /^AuxLogits\./ },
} as const satisfies Record<string, Architecture>;
