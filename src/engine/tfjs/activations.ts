// activations.ts: the TensorFlow.js operations of each activation function.

import type { ActivationName } from '../../graph/layers.ts';
import type { Kernels } from './kernels.ts';
import type { Tf, TfTensor } from './runtime.ts';

type Apply = (
  x: TfTensor,
  tools: { readonly tf: Tf; readonly kernels: Kernels },
  alpha: number | undefined,
) => TfTensor;

export const ACTIVATIONS = {
  linear: (x) => x.clone(),
  relu: (x, { kernels }) => kernels.relu(x),
  relu6: (x, { kernels }) => kernels.relu6(x),
  sigmoid: (x, { tf }) => tf.sigmoid(x),
  tanh: (x, { tf }) => tf.tanh(x),
  softmax: (x, { tf }) => tf.softmax(x),
  swish: (x, { tf }) => tf.mul(x, tf.sigmoid(x)),
  gelu: (x, { tf }) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5)),
  hardSigmoid: (x, { tf }) => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1),
  hardSigmoidTorch: (x, { tf }) => hardSigmoidTorch(tf, x),
  hardSwish: (x, { tf }) => tf.mul(x, hardSigmoidTorch(tf, x)),
  elu(x, { tf }, alpha = 1) {
    const curve = tf.elu(x);
    return alpha === 1 ? curve : tf.add(tf.relu(x), tf.mul(tf.sub(curve, tf.relu(x)), alpha));
  },
  leakyRelu: (x, { tf }, alpha = 0.3) => tf.leakyRelu(x, alpha),
} as const satisfies Readonly<Record<ActivationName, Apply>>;

function hardSigmoidTorch(tf: Tf, x: TfTensor): TfTensor {
  return tf.clipByValue(tf.add(tf.mul(x, 1 / 6), 0.5), 0, 1);
}
