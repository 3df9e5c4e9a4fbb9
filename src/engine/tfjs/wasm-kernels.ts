// wasm-kernels.ts: the operations that TensorFlow.js's WebAssembly backend computes otherwise than its others do, by those that it computes
// alike. For the page that `models export --page` makes: nothing trains with them.

import { bordersOf, plainKernels, type Kernels, type Tensor4D, type Window } from './kernels.ts';
import type { Tf } from './runtime.ts';

type Padding = [[number, number], [number, number], [number, number], [number, number]];

export function wasmKernels(tf: Tf): Kernels {
  return {
    ...plainKernels(tf),
    conv2d: (x, kernel, window) =>
      tf.conv2d(x, kernel, [...window.strides], zeros(x, kernel, window), 'NHWC', [...window.dilation]),
    depthwiseConv2d: (x, kernel, window) =>
      tf.depthwiseConv2d(x, kernel, [...window.strides], zeros(x, kernel, window), 'NHWC', [
        ...window.dilation,
      ]),
    // The backend's own takes its slopes for one a channel, whatever their shape is.
    prelu: (x, alpha) => tf.add(tf.relu(x), tf.mul(alpha, tf.minimum(x, 0))),
  };
}

/** The padding in numbers: by its name, `same`, the backend gets it wrong where a window is smaller than its stride. */
function zeros(x: Tensor4D, kernel: Tensor4D, window: Window): Padding {
  const [[top, bottom], [left, right]] = [bordersOf(window, 0, x, kernel), bordersOf(window, 1, x, kernel)];
  return [[0, 0], [top, bottom], [left, right], [0, 0]]; // prettier-ignore
}
