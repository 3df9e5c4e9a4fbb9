// shape.ts: kinds that only say a shape or move numbers: the input, zero padding, cropping, permute, reshape, flatten.

import { elementCount, formatShape, type Shape } from '../../util/shape.ts';
import type { AnyLayer, Named, Padding2d, Unary } from './base.ts';
import {
  CHANNELS_LAST,
  invalidConfig,
  oneInput,
  unsupportedConfig,
  type KerasConfig,
} from './keras-config.ts';
import { invalidLayer, picture, type Kind } from './kind.ts';
import { quotedValue } from '../../util/quoted.ts';

export interface Input extends Named {
  readonly kind: 'input';
  readonly inputs: readonly [];
  readonly shape: Shape;
}

export interface ZeroPadding2d extends Unary {
  readonly kind: 'zeroPadding2d';
  readonly pad: Padding2d;
}

/** Rows and columns that are left out at each side. */
export interface Cropping2d extends Unary {
  readonly kind: 'cropping2d';
  readonly crop: Padding2d;
}

export interface Permute extends Unary {
  readonly kind: 'permute';
  /** Axis i + 1 of the output is axis `dims[i]` of the input; axis 0 is the batch. */
  readonly dims: readonly number[];
}

export interface Reshape extends Unary {
  readonly kind: 'reshape';
  /** Without the batch; one size may be -1: it is computed from the others. */
  readonly shape: Shape;
}

export interface Flatten extends Unary {
  readonly kind: 'flatten';
}

export const input: Kind<Input> = {
  outputShape: ({ shape }) => shape,
  keras: {
    write: ({ shape }) => [
      'InputLayer',
      { batch_input_shape: [null, ...shape], dtype: 'float32', sparse: false },
    ],
    read: {
      InputLayer: (config, { name }) => {
        const shape = kerasInputShape(config);
        if (!shape) throw invalidConfig(config, 'the input has no shape');
        return { kind: 'input', name, inputs: [], shape };
      },
    },
  },
};

export const zeroPadding2d: Kind<ZeroPadding2d> = {
  outputShape(layer, [shape]) {
    const [height, width, channels] = picture(layer, shape!);
    const { top, bottom, left, right } = layer.pad;
    return [height + top + bottom, width + left + right, channels];
  },
  keepsSign: true,
  keras: {
    write: ({ pad }) => ['ZeroPadding2D', { padding: writtenSides(pad), ...CHANNELS_LAST }],
    read: {
      ZeroPadding2D: (config, { name, inputs }) => ({
        kind: 'zeroPadding2d',
        name,
        inputs: oneInput(config, inputs),
        pad: readSides(config, 'padding'),
      }),
    },
  },
};

export const cropping2d: Kind<Cropping2d> = {
  outputShape(layer, [shape]) {
    const [height, width, channels] = picture(layer, shape!);
    const { top, bottom, left, right } = layer.crop;
    return [height - top - bottom, width - left - right, channels];
  },
  keepsSign: true,
  keras: {
    write: ({ crop }) => ['Cropping2D', { cropping: writtenSides(crop), ...CHANNELS_LAST }],
    read: {
      Cropping2D: (config, { name, inputs }) => ({
        kind: 'cropping2d',
        name,
        inputs: oneInput(config, inputs),
        crop: readSides(config, 'cropping'),
      }),
    },
  },
};

export const permute: Kind<Permute> = {
  outputShape(layer, [shape]) {
    const isEach = shape!.every((_, axis) => layer.dims.includes(axis + 1));
    if (layer.dims.length !== shape!.length || !isEach) {
      throw invalidLayer(layer, `cannot put the axes of ${formatShape(shape!)} in the order ${formatShape(layer.dims)}`); // prettier-ignore
    }
    return layer.dims.map((axis) => shape![axis - 1]!);
  },
  keepsSign: true,
  keras: {
    write: ({ dims }) => ['Permute', { dims }],
    read: {
      Permute: (config, { name, inputs }) => ({
        kind: 'permute',
        name,
        inputs: oneInput(config, inputs),
        dims: config.numbers('dims'),
      }),
    },
  },
};

export const reshape: Kind<Reshape> = {
  outputShape(layer, [shape]) {
    const total = elementCount(shape!);
    const known = elementCount(layer.shape.filter((size) => size !== -1));
    const target = layer.shape.map((size) => (size === -1 ? total / known : size));
    if (elementCount(target) !== total || !target.every(Number.isInteger))
      throw invalidLayer(layer, `cannot turn ${formatShape(shape!)} into ${formatShape(layer.shape)}`);
    return target;
  },
  keepsSign: true,
  keras: {
    write: ({ shape }) => ['Reshape', { target_shape: shape }],
    read: {
      Reshape: (config, { name, inputs }) => ({
        kind: 'reshape',
        name,
        inputs: oneInput(config, inputs),
        shape: config.numbers('target_shape'),
      }),
    },
  },
};

export const flatten: Kind<Flatten> = {
  outputShape: (_layer: AnyLayer, [shape]) => [elementCount(shape!)],
  keepsSign: true,
  keras: {
    write: () => ['Flatten', {}],
    read: {
      Flatten: (config, { name, inputs }) => ({ kind: 'flatten', name, inputs: oneInput(config, inputs) }),
    },
  },
};

/** The side of pictures when a network for any size says null. Such networks are published for this size. */
const USUAL_SIDE = 224;

/**
 * The shape without the batch, from `batch_input_shape` (Keras 2) or `batch_shape` (Keras 3): colour `[H,W,3]`, or grey `[H,W,1]`.
 * @throws AppError MODEL_UNSUPPORTED for what is no picture
 */
export function kerasInputShape(config: KerasConfig): Shape | undefined {
  const key = ['batch_input_shape', 'batch_shape'].find((candidate) => config.has(candidate));
  if (key === undefined) return undefined;
  const raw = config.raw(key);
  const [height, width, channels, ...rest] = Array.isArray(raw) ? (raw as readonly unknown[]).slice(1) : [];
  if (rest.length > 0 || (channels !== 3 && channels !== 1)) {
    throw unsupportedConfig(
      config,
      `takes ${quotedValue(raw)}; a picture classifier takes [null, height, width, 3], or 1 for grey`,
    );
  }
  const isNumber = (size: unknown) => typeof size === 'number';
  const known = [height, width].find(isNumber) ?? USUAL_SIDE;
  return [isNumber(height) ? height : known, isNumber(width) ? width : known, channels];
}

function writtenSides({ top, bottom, left, right }: Padding2d) {
  return [
    [top, bottom],
    [left, right],
  ];
}

/** `1`, `[1, 1]` or `[[top, bottom], [left, right]]`. */
function readSides(config: KerasConfig, key: 'padding' | 'cropping'): Padding2d {
  const raw = config.raw(key);
  const pairs = Array.isArray(raw) ? (raw as readonly unknown[]) : [raw, raw];
  const [[top, bottom], [left, right]] = [0, 1].map((axis) => {
    const pair = pairs[axis];
    const list = Array.isArray(pair) ? (pair as readonly unknown[]) : [pair, pair];
    return [0, 1].map((side) => {
      const size = list[side];
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
        throw invalidConfig(config, `${key} must be whole numbers from 0`);
      }
      return size;
    });
  }) as [[number, number], [number, number]];
  return { top, bottom, left, right };
}
