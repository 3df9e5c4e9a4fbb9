// squeezenet.ts: SqueezeNet as torchvision builds it. Its classifier looks at every place; the class's mean over the places counts.
// Source: Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016, table 1; 1.1 of its authors' repository.

import { graphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/layers.ts';
import { asModules, familyOf } from '../record.ts';

interface Variant {
  readonly stem: { readonly filters: number; readonly kernel: number; readonly stride: number };
  /** Fire modules by the channels that they squeeze to; a half of what they put out is 1x1, a half 3x3. */
  readonly fires: readonly (readonly [squeezed: number, half: number] | 'pool')[];
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  squeezenet1_0: {
    stem: { filters: 96, kernel: 7, stride: 2 },
    fires: ['pool', [16, 64], [16, 64], [32, 128], 'pool', [32, 128], [48, 192], [48, 192], [64, 256], 'pool', [64, 256]], // prettier-ignore
  },
  squeezenet1_1: {
    stem: { filters: 64, kernel: 3, stride: 2 },
    fires: ['pool', [16, 64], [16, 64], 'pool', [32, 128], [32, 128], 'pool', [48, 192], [48, 192], [64, 256], [64, 256]], // prettier-ignore
  },
};

function squeezenet(name: string, { stem, fires }: Variant, classes: number): Graph {
  const b = graphBuilder(name, 224);
  const activated = (from: string, conv: string, filters: number, kernel: 1 | 3) => {
    const x = b.conv2d(from, conv, { filters, kernel, pad: (kernel - 1) / 2, bias: true });
    return b.activation(x, `${conv}_activation`, 'relu');
  };
  let x = b.conv2d(b.input, 'features.0', { ...stem, bias: true });
  x = b.activation(x, 'features.1', 'relu');
  fires.forEach((fire, i) => {
    const module = `features.${i + 2}`;
    if (fire === 'pool') {
      x = b.maxPooling2d(x, module, { kernel: 3, stride: 2, ceil: true });
      return;
    }
    const [squeezed, half] = fire;
    x = activated(x, `${module}.squeeze`, squeezed, 1);
    const halves = [
      activated(x, `${module}.expand1x1`, half, 1),
      activated(x, `${module}.expand3x3`, half, 3),
    ];
    x = b.concatenate(`${module}.cat`, ...halves);
  });
  x = b.dropout(x, 'classifier.0', 0.5);
  x = b.activation(b.dense(x, 'classifier.1', classes), 'classifier.2', 'relu');
  return b.build(b.globalAveragePooling2d(x, 'classifier.3'));
}

export const SQUEEZENETS = familyOf(VARIANTS, (name, variant) => ({
  build: (classes) => squeezenet(name, variant, classes),
  classifier: 'classifier.1',
  namings: [asModules],
}));
