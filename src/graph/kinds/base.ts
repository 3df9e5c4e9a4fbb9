// base.ts: what layers are made of, whatever their kind: names, inputs, windows, weights.

import type { Shape } from '../../util/shape.ts';

export type Size2d = readonly [height: number, width: number];

/** Zeros added around a picture, in rows and columns. */
export interface Padding2d {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * How a window meets the border. `valid`: it stays inside. `same`: TensorFlow's rule, ceil(size / stride) outputs,
 * the odd row or column of zeros at the bottom or right. Torch's symmetric padding is a `zeroPadding2d` layer before `valid`.
 */
export type Padding = 'valid' | 'same';

/** A layer; `inputs` names the layers whose outputs it takes. */
export interface Named {
  readonly name: string;
}
export interface Unary extends Named {
  readonly inputs: readonly [string];
}
export interface Nary extends Named {
  readonly inputs: readonly string[];
}
export interface Window extends Unary {
  readonly strides: Size2d;
  readonly padding: Padding;
}

/** A layer of any kind, for messages about it. */
export interface AnyLayer extends Nary {
  readonly kind: string;
}

/** What a weight is to its layer, in tf.LayersModel's words. */
export type WeightRole =
  'kernel' | 'depthwise_kernel' | 'bias' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance' | 'alpha';

/** The weights of a layer by role, in the order in which tf.LayersModel keeps them. */
export type WeightShapes = readonly (readonly [WeightRole, Shape])[];
