// kernels.ts: the operations that decide the speed, with their gradients: what TensorFlow.js has for them, on any backend.
// `native-kernels.ts` has the same ones as TensorFlow's own operations.

import type { Padding2d, Size2d } from '../../graph/layers.ts';
import { samePadding } from '../../graph/shapes.ts';
import type { Tf } from './runtime.ts';

export type Tensor4D = import('@tensorflow/tfjs').Tensor4D;
export type Tensor1D = import('@tensorflow/tfjs').Tensor1D;
type Tensor = import('@tensorflow/tfjs').Tensor;

export interface Window {
  readonly strides: Size2d;
  /** Dilation of the kernel. In training it is 1 and the kernel itself is spread, because gradients allow no other dilation. */
  readonly dilation: Size2d;
  readonly padding: 'valid' | 'same' | Padding2d;
}

export interface Norm {
  readonly gamma: Tensor1D;
  readonly beta: Tensor1D;
  readonly epsilon: number;
}

export interface Statistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

export interface Kernels {
  /** `[N,H,W,C]` with `[h,w,C,F]`, or with `[h,w,C,M]` where each channel has its own filters. */
  conv2d(x: Tensor4D, kernel: Tensor4D, window: Window): Tensor4D;
  depthwiseConv2d(x: Tensor4D, kernel: Tensor4D, window: Window): Tensor4D;
  /** Adds a number for each channel. */
  addBias<T extends Tensor>(x: T, bias: Tensor1D): T;
  relu(x: Tensor): Tensor;
  relu6(x: Tensor): Tensor;
  /** x above 0, alpha x below; alpha is broadcast. */
  prelu(x: Tensor, alpha: Tensor): Tensor;
  /**
   * Batch norm by the batch's own statistics, which are kept (`tf.keep`) for the caller to dispose of: the mean, and the variance as
   * PyTorch's running statistics take it, the sum of squares over count - 1.
   */
  trainedNorm(x: Tensor4D, norm: Norm): { readonly y: Tensor4D; readonly batch: Statistics };
  /** Batch norm by given statistics, which get no gradient. */
  fixedNorm(x: Tensor4D, norm: Norm, statistics: Statistics): Tensor4D;
}

export function plainKernels(tf: Tf): Kernels {
  return {
    conv2d(x, kernel, window) {
      const [padded, pad] = pad2d(tf, x, kernel, window);
      return tf.conv2d(padded, kernel, [...window.strides], pad, 'NHWC', [...window.dilation]);
    },
    depthwiseConv2d(x, kernel, window) {
      const [padded, pad] = pad2d(tf, x, kernel, window);
      return tf.depthwiseConv2d(padded, kernel, [...window.strides], pad, 'NHWC', [...window.dilation]);
    },
    addBias: (x, bias) => tf.add(x, bias),
    relu: (x) => tf.relu(x),
    relu6: (x) => relu6(tf, x),
    prelu: (x, alpha) => tf.prelu(x, alpha),
    trainedNorm(x, { gamma, beta, epsilon }) {
      const count = x.size / x.shape[3];
      const mean = tf.mean<Tensor1D>(x, [0, 1, 2]);
      const centred = tf.sub(x, mean);
      const variance = tf.mean<Tensor1D>(tf.square(centred), [0, 1, 2]);
      const factor = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
      const unbiased = tf.mul<Tensor1D>(variance, count > 1 ? count / (count - 1) : 1);
      return {
        y: tf.add(tf.mul(centred, factor), beta),
        batch: { mean: tf.keep(mean), variance: tf.keep(unbiased) },
      };
    },
    fixedNorm(x, { gamma, beta, epsilon }, { mean, variance }) {
      const factor = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
      return tf.add(tf.mul(tf.sub(x, mean), factor), beta);
    },
  };
}

/** TensorFlow.js's own gradient at 6 is 1; PyTorch's and TensorFlow's, here too, is 0 at both ends. */
function relu6(tf: Tf, x: Tensor): Tensor {
  const apply = tf.customGrad((...args) => {
    const [given, save] = args as unknown as [Tensor, (tensors: readonly Tensor[]) => void];
    save([given]);
    const isInside = () => tf.logicalAnd(tf.greater(given, 0), tf.less(given, 6));
    return { value: tf.relu6(given), gradFunc: (dy: Tensor) => tf.mul(dy, tf.cast(isInside(), 'float32')) };
  });
  return apply(x);
}

/** Zeros added where they are not what TensorFlow's `same` would add anyway. */
function pad2d(tf: Tf, x: Tensor4D, kernel: Tensor4D, window: Window): readonly [Tensor4D, 'valid' | 'same'] {
  const { padding } = window;
  if (typeof padding === 'string') return [x, padding];
  if (isSame(padding, x, kernel, window)) return [x, 'same'];
  const { top, bottom, left, right } = padding;
  const zeros: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return [tf.pad(x, zeros), 'valid'];
}

function isSame(pad: Padding2d, x: Tensor4D, kernel: Tensor4D, { strides, dilation }: Window): boolean {
  const [top, bottom] = samePadding(x.shape[1], kernel.shape[0], strides[0], dilation[0]);
  const [left, right] = samePadding(x.shape[2], kernel.shape[1], strides[1], dilation[1]);
  return pad.top === top && pad.bottom === bottom && pad.left === left && pad.right === right;
}

/** The zeros before and behind a picture along an axis, 0 for its rows. */
export function bordersOf(
  { padding, strides, dilation }: Window,
  axis: 0 | 1,
  x: Tensor4D,
  kernel: Tensor4D,
) {
  if (padding === 'valid') return [0, 0] as const;
  if (padding !== 'same') {
    return axis === 0 ? ([padding.top, padding.bottom] as const) : ([padding.left, padding.right] as const);
  }
  return samePadding(x.shape[axis === 0 ? 1 : 2], kernel.shape[axis], strides[axis], dilation[axis]);
}
