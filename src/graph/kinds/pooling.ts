// pooling.ts: maxima and means, over windows and over whole pictures.

import type { Shape } from '../../util/shape.ts';
import type { AnyLayer, Size2d, Unary, Window } from './base.ts';
import { CHANNELS_LAST, oneInput, readPaddingRule, readSize2d, type KerasConfig } from './keras-config.ts';
import { picture, type Kind } from './kind.ts';
import { windowed } from './windows.ts';

interface Pooling extends Window {
  readonly poolSize: Size2d;
}

export interface MaxPooling2d extends Pooling {
  readonly kind: 'maxPooling2d';
}

/** With `same` padding the added zeros are not counted, as in TensorFlow. */
export interface AveragePooling2d extends Pooling {
  readonly kind: 'averagePooling2d';
}

export interface GlobalAveragePooling2d extends Unary {
  readonly kind: 'globalAveragePooling2d';
}

export interface GlobalMaxPooling2d extends Unary {
  readonly kind: 'globalMaxPooling2d';
}

export const maxPooling2d: Kind<MaxPooling2d> = {
  outputShape: pooledShape,
  isKept: true,
  keepsSign: true,
  keras: {
    write: (layer) => ['MaxPooling2D', writtenPooling(layer)],
    read: {
      MaxPooling2D: (config, { name, inputs }) => ({
        kind: 'maxPooling2d',
        name,
        inputs: oneInput(config, inputs),
        ...readPooling(config),
      }),
    },
  },
};

export const averagePooling2d: Kind<AveragePooling2d> = {
  outputShape: pooledShape,
  keepsSign: true,
  keras: {
    write: (layer) => ['AveragePooling2D', writtenPooling(layer)],
    read: {
      AveragePooling2D: (config, { name, inputs }) => ({
        kind: 'averagePooling2d',
        name,
        inputs: oneInput(config, inputs),
        ...readPooling(config),
      }),
    },
  },
};

export const globalAveragePooling2d: Kind<GlobalAveragePooling2d> = {
  outputShape: channelsOf,
  keepsSign: true,
  keras: {
    write: () => ['GlobalAveragePooling2D', CHANNELS_LAST],
    read: {
      GlobalAveragePooling2D: (config, { name, inputs }) => ({
        kind: 'globalAveragePooling2d',
        name,
        inputs: oneInput(config, inputs),
      }),
    },
  },
};

export const globalMaxPooling2d: Kind<GlobalMaxPooling2d> = {
  outputShape: channelsOf,
  keepsSign: true,
  keras: {
    write: () => ['GlobalMaxPooling2D', CHANNELS_LAST],
    read: {
      GlobalMaxPooling2D: (config, { name, inputs }) => ({
        kind: 'globalMaxPooling2d',
        name,
        inputs: oneInput(config, inputs),
      }),
    },
  },
};

function pooledShape(layer: AnyLayer & Pooling, [input]: readonly Shape[]): Shape {
  const [, , channels] = picture(layer, input!);
  return [...windowed(layer, input!, layer.poolSize), channels];
}

function channelsOf(layer: AnyLayer, [input]: readonly Shape[]): Shape {
  const [, , channels] = picture(layer, input!);
  return [channels];
}

function readPooling(config: KerasConfig) {
  const poolSize = readSize2d(config, 'pool_size', 2);
  return {
    poolSize,
    strides: config.has('strides') ? readSize2d(config, 'strides') : poolSize,
    padding: readPaddingRule(config),
  };
}

function writtenPooling(layer: Pooling) {
  return { pool_size: layer.poolSize, strides: layer.strides, padding: layer.padding, ...CHANNELS_LAST };
}
