// layers.ts: what each kind of layer computes, as TensorFlow.js operations. Inference and training both use this; what differs
// between them (batch norm, dropout) is passed in. Gradients are TensorFlow.js's own, and those of the kernels.

import type { Layer, LayerKind, LayerOf, Size2d, WeightRole } from '../../graph/layers.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { ACTIVATIONS } from './activations.ts';
import { bordersOf, type Kernels, type Norm, type Statistics, type Tensor1D, type Tensor4D, type Window } from './kernels.ts'; // prettier-ignore
import type { PlannedLayer } from './plan.ts';
import type { Tf, TfTensor } from './runtime.ts';

/** What a layer is computed with. */
export interface Scope {
  readonly tf: Tf;
  readonly kernels: Kernels;
  /** Whether gradients will be computed. */
  readonly learns: boolean;
  weight(layer: Layer, role: WeightRole): TfTensor;
  /** `[N,H,W,C]`; vectors are given as pictures of one pixel. */
  normalise(layer: LayerOf<'batchNormalization'>, x: Tensor4D, norm: Norm): Tensor4D;
  drop(layer: LayerOf<'dropout'>, x: TfTensor): TfTensor;
}

/** What is computed for a layer. */
interface Given<L extends Layer> {
  readonly layer: L;
  /** With the batch first, channel-last. */
  readonly inputs: readonly TfTensor[];
  /** The first input, and the same input as a picture. */
  readonly x: TfTensor;
  readonly picture: Tensor4D;
  /** Zeros that the layer adds itself. */
  readonly pad: PlannedLayer['pad'];
  readonly scope: Scope;
}

type Operation<L extends Layer> = (given: Given<L>) => TfTensor;

const OPERATIONS = {
  input: ({ x }) => x,
  conv2d: convolve,
  depthwiseConv2d: convolve,
  batchNormalization: normalise,
  layerNormalization: normaliseChannels,
  activation: ({ layer, x, scope }) => ACTIVATIONS[layer.activation](x, scope, layer.alpha),
  prelu: ({ layer, x, scope }) => scope.kernels.prelu(x, scope.weight(layer, 'alpha')),
  zeroPadding2d({ layer: { pad }, x, scope: { tf } }) {
    const { top, bottom, left, right } = pad;
    const zeros: [number, number][] = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    return tf.pad(x, zeros);
  },
  cropping2d({ layer: { crop }, picture: x, scope: { tf } }) {
    const [count, height, width, channels] = x.shape;
    const { top, bottom, left, right } = crop;
    return tf.slice(x, [0, top, left, 0], [count, height - top - bottom, width - left - right, channels]);
  },
  maxPooling2d: ({ layer: { poolSize, strides, padding }, picture, scope: { tf } }) =>
    tf.maxPool(picture, [...poolSize], [...strides], padding),
  averagePooling2d: ({ layer: { poolSize, strides, padding }, picture, scope: { tf } }) =>
    tf.avgPool(picture, [...poolSize], [...strides], padding),
  globalAveragePooling2d: ({ x, scope: { tf } }) => tf.mean(x, [1, 2]),
  globalMaxPooling2d,
  dense,
  add: ({ inputs, scope: { tf } }) => inputs.reduce((a, b) => tf.add(a, b)),
  multiply: ({ inputs, scope: { tf } }) => inputs.reduce((a, b) => tf.mul(a, b)),
  concatenate: ({ inputs, scope: { tf } }) => tf.concat([...inputs], -1),
  rescaling: ({ layer: { scale, offset }, x, scope: { tf } }) => tf.add(tf.mul(x, scale), offset),
  permute: ({ layer: { dims }, x, scope: { tf } }) => tf.transpose(x, [0, ...dims]),
  reshape: ({ layer: { shape }, x, scope: { tf } }) => tf.reshape(x, [x.shape[0], ...shape]),
  flatten: ({ x, scope: { tf } }) => tf.reshape(x, [x.shape[0], -1]),
  dropout: ({ layer, x, scope }) => scope.drop(layer, x),
  onnx: needsOnnxruntime,
} as const satisfies { readonly [K in LayerKind]: Operation<LayerOf<K>> };

/** @param inputs with the batch first, channel-last */
export function applyLayer(
  { layer, pad }: PlannedLayer,
  inputs: readonly TfTensor[],
  scope: Scope,
): TfTensor {
  const operation = OPERATIONS[layer.kind] as Operation<Layer>;
  const x = inputs[0]!;
  return operation({ layer, inputs, x, picture: x as Tensor4D, pad, scope });
}

type Convolution = LayerOf<'conv2d'> | LayerOf<'depthwiseConv2d'>;

function convolve({ layer, picture: x, pad, scope }: Given<Convolution>): TfTensor {
  const { tf, kernels, learns } = scope;
  let kernel = scope.weight(layer, layer.kind === 'conv2d' ? 'kernel' : 'depthwise_kernel') as Tensor4D;
  let { dilation } = layer;
  const isStrided = layer.strides.some((stride) => stride > 1);
  if (dilation.some((rate) => rate > 1) && (learns || isStrided)) {
    // TensorFlow.js allows neither gradients nor strides with dilation. Zeros between the kernel's taps give the same result.
    kernel = spread(tf, kernel, dilation);
    dilation = [1, 1];
  }
  const window: Window = {
    strides: layer.strides,
    dilation,
    padding: pad ?? layer.padding,
  };
  const y =
    layer.kind === 'conv2d' ? grouped(layer, x, kernel, window, scope) : depthwise(x, kernel, window, scope);
  return layer.useBias ? kernels.addBias(y, scope.weight(layer, 'bias') as Tensor1D) : y;
}

/** Zeros between a kernel's taps, `rate - 1` of them. */
function spread(tf: Tf, kernel: Tensor4D, [down, across]: Size2d): Tensor4D {
  const [height, width, inputs, outputs] = kernel.shape;
  const apart = tf.pad(tf.reshape(kernel, [height, 1, width, 1, inputs * outputs]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, across - 1],
    [0, 0],
  ]);
  const whole: Tensor4D = tf.reshape(apart, [height * down, width * across, inputs, outputs]);
  return tf.slice(whole, [0, 0, 0, 0], [(height - 1) * down + 1, (width - 1) * across + 1, inputs, outputs]);
}

/** TensorFlow.js has no grouped convolution, so each group has a convolution of its own. */
function grouped(
  { groups = 1 }: LayerOf<'conv2d'>,
  x: Tensor4D,
  kernel: Tensor4D,
  window: Window,
  { tf, kernels }: Scope,
): Tensor4D {
  if (groups === 1) return kernels.conv2d(x, kernel, window);
  const inputs = tf.split<Tensor4D>(x, groups, 3);
  const parts = tf.split<Tensor4D>(kernel, groups, 3);
  return tf.concat(
    inputs.map((input, i) => kernels.conv2d(input, parts[i]!, window)),
    3,
  );
}

/** TensorFlow's depthwise convolution has one stride for both directions. If they differ, all places are computed, some kept. */
function depthwise(x: Tensor4D, kernel: Tensor4D, window: Window, { tf, kernels }: Scope): Tensor4D {
  const [down, across] = window.strides;
  if (down === across) return kernels.depthwiseConv2d(x, kernel, window);
  const [top, bottom] = bordersOf(window, 0, x, kernel);
  const [left, right] = bordersOf(window, 1, x, kernel);
  const everywhere = kernels.depthwiseConv2d(x, kernel, {
    ...window,
    strides: [1, 1],
    padding: { top, bottom, left, right },
  });
  const places = (size: number, stride: number) =>
    tf.tensor1d(
      Array.from({ length: Math.ceil(size / stride) }, (_, i) => i * stride),
      'int32',
    );
  const [, height, width] = everywhere.shape;
  return tf.gather(tf.gather(everywhere, places(height, down), 1), places(width, across), 2);
}

function normalise({ layer, x, scope }: Given<LayerOf<'batchNormalization'>>): TfTensor {
  const { tf } = scope;
  const channels = x.shape.at(-1)!;
  const norm: Norm = {
    gamma: (layer.scale ? scope.weight(layer, 'gamma') : tf.ones([channels])) as Tensor1D,
    beta: (layer.center ? scope.weight(layer, 'beta') : tf.zeros([channels])) as Tensor1D,
    epsilon: layer.epsilon,
  };
  if (x.rank === 4) return scope.normalise(layer, x as Tensor4D, norm);
  const picture: Tensor4D = tf.reshape(x, [-1, 1, 1, channels]);
  return tf.reshape(scope.normalise(layer, picture, norm), x.shape);
}

/** Layer norm over the last axis. */
function normaliseChannels({ layer, x, scope }: Given<LayerOf<'layerNormalization'>>): TfTensor {
  const { tf } = scope;
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, layer.epsilon)));
  const scaled = layer.scale ? tf.mul(normal, scope.weight(layer, 'gamma')) : normal;
  return layer.center ? tf.add(scaled, scope.weight(layer, 'beta')) : scaled;
}

/** The running statistics of a batch norm, as its weights have them. */
export function runningStatistics(layer: LayerOf<'batchNormalization'>, scope: Scope): Statistics {
  return {
    mean: scope.weight(layer, 'moving_mean') as Tensor1D,
    variance: scope.weight(layer, 'moving_variance') as Tensor1D,
  };
}

/** One window over the whole picture: `tf.max` would give the gradient to every one of several equal maxima. */
function globalMaxPooling2d({ picture, scope: { tf } }: Given<LayerOf<'globalMaxPooling2d'>>): TfTensor {
  const [, height, width, channels] = picture.shape;
  return tf.reshape(tf.maxPool(picture, [height, width], 1, 'valid'), [-1, channels]);
}

function dense({ layer, x, scope }: Given<LayerOf<'dense'>>): TfTensor {
  const { tf } = scope;
  const kernel = scope.weight(layer, 'kernel') as import('@tensorflow/tfjs').Tensor2D;
  const rows = tf.matMul(tf.reshape(x, [-1, kernel.shape[0]]), kernel);
  const y = layer.useBias ? scope.kernels.addBias(rows, scope.weight(layer, 'bias') as Tensor1D) : rows;
  return tf.reshape(y, [...x.shape.slice(0, -1), layer.units]);
}

function needsOnnxruntime({ layer }: Given<LayerOf<'onnx'>>): never {
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `'${quoted(layer.name)}' is of a foreign network, which TensorFlow.js does not run; use --engine onnx`,
  );
}
