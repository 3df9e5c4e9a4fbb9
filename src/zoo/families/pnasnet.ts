// pnasnet.ts: PNASNet-5 large (4 @ 216) under the module names of Cadene's port, which timm kept.
// Source: Liu et al., Progressive Neural Architecture Search, 2018, figure 1 and section 5.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, type Architecture } from '../record.ts';
import { cellBuilder, type CellPlan } from './searched-cell.ts';

/** The best cell. A reduction fits what it passes by to the smaller picture. */
const plan = (isReduction: boolean): CellPlan => ({
  sums: [
    [['sep5', 'before'], ['max', 'before']],
    [['sep7', 'here'], ['max', 'here']],
    [['sep5', 'here'], ['sep3', 'here']],
    [['sep3', 2], ['max', 'here']],
    [['sep3', 'before'], [isReduction ? 'fit' : 'same', 'here']],
  ],
  joined: [0, 1, 2, 3, 4],
}); // prettier-ignore

const NORMAL = plan(false);
const REDUCTION = plan(true);
/** The first cell's second input is a convolution's output as it is, so that its maximum is fitted. */
const STEM: CellPlan = {
  ...REDUCTION,
  sums: [
    [
      ['sep5', 'before'],
      ['maxFit', 'before'],
    ],
    ...REDUCTION.sums.slice(1),
  ],
};

/** The cells behind the first: filters, which of them halve the picture, and which take a second input of twice the size. */
const CELLS: readonly {
  readonly module: string;
  readonly filters: number;
  readonly isReduction?: true;
  readonly isBehindReduction?: true;
}[] = [
  { module: 'cell_stem_1', filters: 108, isReduction: true, isBehindReduction: true },
  { module: 'cell_0', filters: 216, isBehindReduction: true },
  { module: 'cell_1', filters: 216 },
  { module: 'cell_2', filters: 216 },
  { module: 'cell_3', filters: 216 },
  { module: 'cell_4', filters: 432, isReduction: true },
  { module: 'cell_5', filters: 432, isBehindReduction: true },
  { module: 'cell_6', filters: 432 },
  { module: 'cell_7', filters: 432 },
  { module: 'cell_8', filters: 864, isReduction: true },
  { module: 'cell_9', filters: 864, isBehindReduction: true },
  { module: 'cell_10', filters: 864 },
  { module: 'cell_11', filters: 864 },
];

function pnasnet5large(classes: number): Graph {
  const b = graphBuilder('pnasnet5large', 331);
  const { relu, norm, fit, halve, cell } = cellBuilder(b);
  let before = norm(b.conv2d(b.input, 'conv_0.conv', { filters: 96, kernel: 3, stride: 2 }), 'conv_0.bn');
  let here = cell('cell_stem_0', STEM, {
    here: fit(before, 'cell_stem_0.conv_1x1', 54),
    before,
    filters: 54,
    stride: 2,
  });
  for (const { module, filters, isReduction, isBehindReduction } of CELLS) {
    const fitted = isBehindReduction ? halve : fit;
    const next = cell(module, isReduction ? REDUCTION : NORMAL, {
      here: fit(here, `${module}.conv_1x1`, filters),
      before: fitted(before, `${module}.conv_prev_1x1`, filters),
      filters,
      stride: isReduction ? 2 : 1,
    });
    [before, here] = [here, next];
  }
  let x = b.globalAveragePooling2d(relu(here), 'global_pool');
  x = b.dropout(x, 'dropout', 0.5);
  return b.build(b.dense(x, 'last_linear', classes));
}

export const PNASNETS = {
  pnasnet5large: {
    build: pnasnet5large,
    classifier: 'last_linear',
    namings: [asModules],
    hasBackground: true,
  },
} as const satisfies Record<string, Architecture>;
