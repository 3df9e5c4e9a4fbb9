// layers.ts: the kinds of layer a network is made of. Plain data in the vocabulary of tf.LayersModel, channel-last;
// nothing here computes.

import type { Shape } from '../util/shape.ts';

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

export const ACTIVATIONS = [
  'linear',
  'relu',
  'relu6',
  'sigmoid',
  'softmax',
  'tanh',
  'swish',
  /** Keras's and TensorFlow.js's, clip(0.2 x + 0.5, 0, 1); torch's has another slope. */
  'hardSigmoid',
  /** Torch's `Hardsigmoid`, clip(x / 6 + 0.5, 0, 1); also TensorFlow's relu6(x + 3) / 6. */
  'hardSigmoidTorch',
  /** x times torch's hard sigmoid. */
  'hardSwish',
  'elu',
  'leakyRelu',
] as const;
export type Activation = (typeof ACTIVATIONS)[number];

interface Named {
  readonly name: string;
}
interface Unary extends Named {
  readonly inputs: readonly [string];
}
interface Nary extends Named {
  readonly inputs: readonly string[];
}
interface Window extends Unary {
  readonly strides: Size2d;
  readonly padding: Padding;
}

/** Every layer; `inputs` names the layers whose outputs it takes. Weights are listed by `weightShapes`. */
export type Layer =
  | (Named & { readonly kind: 'input'; readonly inputs: readonly []; readonly shape: Shape })
  | (Window & {
      readonly kind: 'conv2d';
      readonly filters: number;
      /** Filters and input channels in this many groups that do not see each other; 1 where absent. */
      readonly groups?: number;
      readonly kernelSize: Size2d;
      readonly dilation: Size2d;
      readonly useBias: boolean;
    })
  | (Window & {
      readonly kind: 'depthwiseConv2d';
      readonly depthMultiplier: number;
      readonly kernelSize: Size2d;
      readonly dilation: Size2d;
      readonly useBias: boolean;
    })
  | (Unary & {
      readonly kind: 'batchNormalization';
      readonly epsilon: number;
      /** Keras's: the share of the old running statistics that a training step keeps (torch's momentum is 1 minus it). */
      readonly momentum: number;
      readonly center: boolean;
      readonly scale: boolean;
    })
  | (Unary & { readonly kind: 'activation'; readonly activation: Activation; readonly alpha?: number })
  | (Unary & { readonly kind: 'zeroPadding2d'; readonly pad: Padding2d })
  | (Window & { readonly kind: 'maxPooling2d'; readonly poolSize: Size2d })
  /** With `same` padding the added zeros are not counted, as in TensorFlow. */
  | (Window & { readonly kind: 'averagePooling2d'; readonly poolSize: Size2d })
  | (Unary & { readonly kind: 'globalAveragePooling2d' })
  | (Unary & { readonly kind: 'globalMaxPooling2d' })
  | (Unary & { readonly kind: 'dense'; readonly units: number; readonly useBias: boolean })
  | (Nary & { readonly kind: 'add' })
  | (Nary & { readonly kind: 'multiply' })
  | (Nary & { readonly kind: 'concatenate' })
  | (Unary & { readonly kind: 'reshape'; readonly shape: Shape })
  | (Unary & { readonly kind: 'flatten' })
  | (Unary & {
      readonly kind: 'dropout';
      readonly rate: number;
      /** The whole sample is dropped, or nothing of it: stochastic depth, on the branch of a residual block. */
      readonly perSample?: boolean;
    });

export type LayerOf<K extends Layer['kind']> = Extract<Layer, { kind: K }>;

/** A network: layers in an order in which every layer comes after its inputs, one input and one output. */
export interface Graph {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly input: string;
  readonly output: string;
}

/** A weight's values, row-major: kernels `[H,W,in/groups,out]`, depthwise `[H,W,in,multiplier]`, dense `[in,out]`, the rest `[C]`. */
export interface Weight {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Weights by `<layer>/<role>`, for example `layer1.0.conv1/kernel`. */
export type Weights = ReadonlyMap<string, Weight>;

/** What a weight is to its layer, in tf.LayersModel's words. */
export type WeightRole =
  'kernel' | 'depthwise_kernel' | 'bias' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance';

export function weightName(layer: string, role: WeightRole): string {
  return `${layer}/${role}`;
}
