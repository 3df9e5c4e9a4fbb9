// layers.ts: a network as plain data, in the vocabulary of tf.LayersModel, channel-last; nothing here computes. What each kind of
// layer is lies in kinds/.

import type { Shape } from '../util/shape.ts';
import type { Activation } from './kinds/activation.ts';
import type { Add, Concatenate, Multiply, Rescaling } from './kinds/arithmetic.ts';
import type { WeightRole } from './kinds/base.ts';
import type { Conv2d, DepthwiseConv2d } from './kinds/convolution.ts';
import type { Dense } from './kinds/dense.ts';
import type { Dropout } from './kinds/dropout.ts';
import type { BatchNormalization, LayerNormalization } from './kinds/normalization.ts';
import type { Onnx } from './kinds/onnx.ts';
import type {
  AveragePooling2d,
  GlobalAveragePooling2d,
  GlobalMaxPooling2d,
  MaxPooling2d,
} from './kinds/pooling.ts';
import type { PRelu } from './kinds/prelu.ts';
import type { Cropping2d, Flatten, Input, Permute, Reshape, ZeroPadding2d } from './kinds/shape.ts';

export { ACTIVATIONS, type ActivationName } from './kinds/activation.ts';
export type { Padding, Padding2d, Size2d, WeightRole } from './kinds/base.ts';
export type { PictureInput } from './kinds/onnx.ts';

/** Every layer; `inputs` names the layers whose outputs it takes. Weights are listed by `weightShapes`. */
export type Layer =
  | Input
  | Conv2d
  | DepthwiseConv2d
  | BatchNormalization
  | LayerNormalization
  | Activation
  | PRelu
  | ZeroPadding2d
  | Cropping2d
  | MaxPooling2d
  | AveragePooling2d
  | GlobalAveragePooling2d
  | GlobalMaxPooling2d
  | Dense
  | Add
  | Multiply
  | Concatenate
  | Rescaling
  | Reshape
  | Permute
  | Flatten
  | Dropout
  | Onnx;

export type LayerKind = Layer['kind'];
export type LayerOf<K extends LayerKind> = Extract<Layer, { kind: K }>;

/** A network: layers in an order in which every layer comes after its inputs, one input and one output. */
export interface Graph {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly input: string;
  readonly output: string;
}

/**
 * A weight's values, row-major: kernels `[H,W,in/groups,out]`, depthwise `[H,W,in,multiplier]`, dense `[in,out]`,
 * slopes of a PReLU as its input or 1 where shared, the rest `[C]`.
 */
export interface Weight {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Weights by `<layer>/<role>`, for example `layer1.0.conv1/kernel`. */
export type Weights = ReadonlyMap<string, Weight>;

export function weightName(layer: string, role: WeightRole): string {
  return `${layer}/${role}`;
}

/** The layer that a weight of that name belongs to. */
export const layerOf = (weight: string): string => weight.slice(0, weight.lastIndexOf('/'));
