// activations.ts: the TensorFlow.js operations of each activation function.

import type { ActivationName } from '../../graph/layers.ts';
import type { Kernels } from './kernels.ts';
import type { Tf, TfTensor } from './runtime.ts';

interface Tools {
  readonly tf: Tf;
  readonly kernels: Kernels;
}

type Apply = (x: TfTensor, tools: Tools, alpha: number | undefined) => TfTensor;

export const ACTIVATIONS = {
  linear: (x) => x.clone(),
  relu: (x, { kernels }) => kernels.relu(x),
  relu6: (x, { kernels }) => kernels.relu6(x),
  sigmoid: (x, { tf }) => tf.sigmoid(x),
  tanh: (x, { tf }) => tf.tanh(x),
  softmax: (x, { tf }) => tf.softmax(x),
  swish: (x, { tf }) => tf.mul(x, tf.sigmoid(x)),
  gelu: (x, { tf }) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5)),
  hardSigmoid: (x, tools) => hardSigmoid(tools.tf.mul(x, 1.2), tools),
  hardSigmoidTorch: (x, tools) => hardSigmoid(x, tools),
  hardSwish: (x, tools) => tools.tf.mul(x, hardSigmoid(x, tools)),
  elu(x, { tf }, alpha = 1) {
    const curve = tf.elu(x);
    return alpha === 1 ? curve : tf.add(tf.relu(x), tf.mul(tf.sub(curve, tf.relu(x)), alpha));
  },
  leakyRelu: (x, { tf }, alpha = 0.3) => tf.leakyRelu(x, alpha),
} as const satisfies Readonly<Record<ActivationName, Apply>>;

/** x / 6 + 0.5, cut off at 0 and 1: by relu6, whose gradient is 0 at both ends as in PyTorch. */
function hardSigmoid(x: TfTensor, { tf, kernels }: Tools): TfTensor {
  return tf.div(kernels.relu6(tf.add(x, 3)), 6);
}
