// prelu.ts: max(x, 0) + alpha min(x, 0) with slopes that are learnt. Source: He et al., Delving Deep into Rectifiers, 2015.

import type { Shape } from '../../util/shape.ts';
import type { Unary } from './base.ts';
import { invalidConfig, oneInput, type KerasConfig } from './keras-config.ts';
import type { Kind } from './kind.ts';

export interface PRelu extends Unary {
  readonly kind: 'prelu';
  /** Keras's: the axes along which all numbers have one slope; 1, 2, 3 are rows, columns, channels. */
  readonly sharedAxes: readonly number[];
}

export const prelu: Kind<PRelu> = {
  outputShape: (_layer, [input]) => input!,
  weights: ({ sharedAxes }, input) => [
    ['alpha', input.map((size, axis) => (sharedAxes.includes(axis + 1) ? 1 : size))],
  ],
  isKept: true,
  keepsSign: true,
  // Torch has one slope for each channel, or one for all. Slopes of single places are a picture in torch's order.
  torch: { alpha: { suffix: 'weight', axes: [1, 2, 0], isByInput: true, joined: withoutPlaces } },
  keras: {
    write: ({ sharedAxes }) => ['PReLU', { shared_axes: sharedAxes.length > 0 ? sharedAxes : null }],
    read: {
      PReLU: (config, { name, inputs }) => ({
        kind: 'prelu',
        name,
        inputs: oneInput(config, inputs),
        sharedAxes: readSharedAxes(config),
      }),
    },
  },
};

/** `[C,1,1]` -> `[C]` */
function withoutPlaces(shape: Shape): Shape {
  return shape.slice(1).every((size) => size === 1) ? shape.slice(0, 1) : shape;
}

function readSharedAxes(config: KerasConfig): readonly number[] {
  if (!config.has('shared_axes')) return [];
  const axes = Array.isArray(config.raw('shared_axes'))
    ? config.numbers('shared_axes')
    : [config.number('shared_axes')];
  if (axes.every((axis) => [1, 2, 3].includes(axis))) return axes;
  throw invalidConfig(config, `shared_axes must be 1, 2 or 3, received ${axes.slice(0, 4).join(', ')}`);
}
