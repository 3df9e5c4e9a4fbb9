// nasnet.ts: NASNet-A, mobile (4 @ 1056) and large (6 @ 4032), under the module names of Cadene's port, which timm kept.
// A mean at the border is that of the places there, as TensorFlow and Cadene's port have it. timm counts the padding of means with a
// stride, so that its logits of the large network differ from these.
// Source: Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2018, figure 4 and section A.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';
import { cellBuilder, type CellPlan } from './searched-cell.ts';

interface Variant {
  readonly size: number;
  /** Channels of the first convolution, and of each operation in the first stage. */
  readonly stem: number;
  readonly filters: number;
  /** Normal cells in each of the three stages. */
  readonly depth: number;
  /** How many cells before a reduction lies the second input of the cell behind it. */
  readonly back: 1 | 2;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  nasnetamobile: { size: 224, stem: 32, filters: 44, depth: 4, back: 1 },
  nasnetalarge: { size: 331, stem: 96, filters: 168, depth: 6, back: 2 },
};

const NORMAL: CellPlan = {
  sums: [
    [['sep5', 'here'], ['sep3', 'before']],
    [['sep5', 'before'], ['sep3', 'before']],
    [['mean', 'here'], ['same', 'before']],
    [['mean', 'before'], ['mean', 'before']],
    [['sep3', 'here'], ['same', 'here']],
  ],
  joined: ['before', 0, 1, 2, 3, 4],
}; // prettier-ignore

const REDUCTION: CellPlan = {
  sums: [
    [['sep5', 'here'], ['sep7', 'before']],
    [['max', 'here'], ['sep7', 'before']],
    [['mean', 'here'], ['sep5', 'before']],
    [['same', 1], ['mean', 0]],
    [['sep3', 0], ['max', 'here']],
  ],
  joined: [1, 2, 3, 4],
}; // prettier-ignore

const STAGES = [0, 1, 2] as const;

function nasnet(name: string, { size, stem, filters, depth, back }: Variant, classes: number): Graph {
  const b = graphBuilder(name, size);
  const { relu, norm, fit, halve, cell } = cellBuilder(b);
  /** The first cell behind a reduction halves its second input. */
  const normal = (module: string, here: string, before: string, width: number, isFirst: boolean) =>
    cell(module, NORMAL, {
      here: fit(here, `${module}.conv_1x1`, width),
      before: isFirst ? halve(before, module, width) : fit(before, `${module}.conv_prev_1x1`, width),
      filters: width,
      stride: 1,
    });
  const reduction = (module: string, here: string, before: string, width: number) =>
    cell(module, REDUCTION, {
      here: fit(here, `${module}.conv_1x1`, width),
      before,
      filters: width,
      stride: 2,
    });

  const first = norm(b.conv2d(b.input, 'conv0.conv', { filters: stem, kernel: 3, stride: 2 }), 'conv0.bn');
  const stem0 = reduction('cell_stem_0', first, first, filters / 4);
  const stem1 = reduction('cell_stem_1', stem0, halve(first, 'cell_stem_1', filters / 2), filters / 2);
  /** The outputs so far: the last cell's is the last. */
  const outputs = [stem0, stem1];
  for (const stage of STAGES) {
    const width = filters * 2 ** stage;
    let before = stem0;
    if (stage > 0) {
      const module = `reduction_cell_${stage - 1}`;
      before = outputs.at(-back)!;
      const previous = fit(outputs.at(-2)!, `${module}.conv_prev_1x1`, width);
      outputs.push(reduction(module, outputs.at(-1)!, previous, width));
    }
    for (let i = 0; i < depth; i++) {
      const here = outputs.at(-1)!;
      outputs.push(normal(`cell_${6 * stage + i}`, here, i === 0 ? before : outputs.at(-2)!, width, i === 0));
    }
  }
  let x = b.globalAveragePooling2d(relu(outputs.at(-1)!), 'global_pool');
  x = b.dropout(x, 'dropout', 0.5);
  return b.build(b.dense(x, 'last_linear', classes));
}

export const NASNETS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => nasnet(name, variant, classes),
  classifier: 'last_linear',
  namings: [asModules],
  hasBackground: true,
}));
