// arithmetic.ts: sums, products and joins of several layers, and a layer times a number.

import { formatShape, type Shape } from '../../util/shape.ts';
import type { AnyLayer, Nary, Unary } from './base.ts';
import { checkLastAxis, oneInput } from './keras-config.ts';
import { invalidLayer, type Kind } from './kind.ts';

export interface Add extends Nary {
  readonly kind: 'add';
}

export interface Multiply extends Nary {
  readonly kind: 'multiply';
}

export interface Concatenate extends Nary {
  readonly kind: 'concatenate';
}

/** scale x + offset: numbers that belong to the network and do not learn. */
export interface Rescaling extends Unary {
  readonly kind: 'rescaling';
  readonly scale: number;
  readonly offset: number;
}

export const add: Kind<Add> = {
  outputShape: (layer, inputs) => inputs.reduce((a, b) => broadcast(layer, a, b)),
  keepsSign: true,
  keras: {
    write: () => ['Add', {}],
    read: { Add: (_config, { name, inputs }) => ({ kind: 'add', name, inputs }) },
  },
};

export const multiply: Kind<Multiply> = {
  outputShape: (layer, inputs) => inputs.reduce((a, b) => broadcast(layer, a, b)),
  isKept: true,
  keepsSign: true,
  keras: {
    write: () => ['Multiply', {}],
    read: { Multiply: (_config, { name, inputs }) => ({ kind: 'multiply', name, inputs }) },
  },
};

export const concatenate: Kind<Concatenate> = {
  outputShape(layer, inputs) {
    const leading = inputs[0]!.slice(0, -1);
    if (inputs.some((shape) => formatShape(shape.slice(0, -1)) !== formatShape(leading))) {
      throw invalidLayer(
        layer,
        `joins ${inputs.map(formatShape).join(' and ')}, expected equal height and width`,
      );
    }
    return [...leading, inputs.reduce((sum, shape) => sum + shape.at(-1)!, 0)];
  },
  isKept: true,
  keepsSign: true,
  keras: {
    write: () => ['Concatenate', { axis: -1 }],
    read: {
      Concatenate: (config, { name, inputs, inputShape }) => {
        checkLastAxis(config, inputShape);
        return { kind: 'concatenate', name, inputs };
      },
    },
  },
};

export const rescaling: Kind<Rescaling> = {
  outputShape: (_layer, [input]) => input!,
  keras: {
    write: ({ scale, offset }) => ['Rescaling', { scale, offset }],
    // A Rescaling with a number for each channel is another layer: keras-composites.ts.
    read: {
      Rescaling: (config, { name, inputs }) => ({
        kind: 'rescaling',
        name,
        inputs: oneInput(config, inputs),
        scale: config.number('scale'),
        offset: config.number('offset', 0),
      }),
    },
  },
};

function broadcast(layer: AnyLayer, a: Shape, b: Shape): Shape {
  const fits = a.length === b.length && a.every((size, i) => size === b[i] || size === 1 || b[i] === 1);
  if (!fits) throw invalidLayer(layer, `cannot combine ${formatShape(a)} with ${formatShape(b)}`);
  return a.map((size, i) => Math.max(size, b[i]!));
}
