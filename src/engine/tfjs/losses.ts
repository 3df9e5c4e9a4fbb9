// losses.ts: a loss of the graph's output as TensorFlow.js operations. The targets already include smoothing, class weights
// and the mean (training/targets.ts): they say how much the presence and the absence of each class count in each sample.

import type { Loss } from '../training.ts';
import type { Tf, TfTensor } from './runtime.ts';

/** @param output `[N,K]`: logits, or probabilities for `bce` @param targets those of `stepTargets` @returns a scalar */
export function lossOf(tf: Tf, kind: Loss['kind'], output: TfTensor, targets: readonly TfTensor[]): TfTensor {
  const [present, absent] = targets as readonly [TfTensor, TfTensor];
  switch (kind) {
    case 'cross-entropy':
      return tf.neg(tf.sum(tf.mul(tf.logSoftmax(output), present)));
    case 'bce-logits': {
      // -log(1 - sigmoid(x)) = softplus(x), -log sigmoid(x) = softplus(-x)
      const costs = tf.add(tf.mul(present, tf.softplus(tf.neg(output))), tf.mul(absent, tf.softplus(output)));
      return tf.sum(costs);
    }
    case 'bce':
      return binaryCrossEntropy(tf, output, present, absent);
    default:
      throw new Error(`no loss ${String(kind satisfies never)}`);
  }
}

/** Like PyTorch's BCELoss: logarithms are at least -100, and the gradient's denominators at least 1e-12. */
function binaryCrossEntropy(tf: Tf, output: TfTensor, present: TfTensor, absent: TfTensor): TfTensor {
  const apply = tf.customGrad((...args) => {
    const [p, save] = args as unknown as [TfTensor, (tensors: readonly TfTensor[]) => void];
    save([p]);
    const cost = (weight: TfTensor, of: TfTensor) => tf.mul(weight, tf.maximum(tf.log(of), -100));
    const value = tf.neg(tf.sum(tf.add(cost(present, p), cost(absent, tf.sub(1, p)))));
    const slope = (weight: TfTensor, of: TfTensor) => tf.div(weight, tf.maximum(of, 1e-12));
    return {
      value,
      gradFunc: (dy: TfTensor) => tf.mul(dy, tf.sub(slope(absent, tf.sub(1, p)), slope(present, p))),
    };
  });
  return apply(output);
}
