// losses.ts: a loss as onnx operators, together with the gradient of the logits. Its inputs say how much each class counts in
// each sample; smoothing and class weights are applied before (training/targets.ts).

import type { Loss } from '../training.ts';
import type { Emitter } from './emitter.ts';

interface EmittedLoss {
  /** A scalar. */
  readonly loss: string;
  /** `[N,K]`: the gradient of the graph's output. */
  readonly gradient: string;
}

/** Inputs of the step that carry the results of `stepTargets`, `[N,K]` each. */
export const TARGET_INPUTS = {
  'cross-entropy': ['targets/present'],
  bce: ['targets/present', 'targets/absent'],
  'bce-logits': ['targets/present', 'targets/absent'],
} as const satisfies Record<Loss['kind'], readonly string[]>;

const PRESENT = 'targets/present';
const ABSENT = 'targets/absent';

/** @param output the graph's output, `[N,K]`: logits, or probabilities for `bce` */
export function emitLoss(e: Emitter, kind: Loss['kind'], output: string): EmittedLoss {
  switch (kind) {
    case 'cross-entropy':
      return crossEntropy(e, output);
    case 'bce':
      return binaryCrossEntropy(e, output);
    case 'bce-logits':
      return binaryCrossEntropyOfLogits(e, output);
    default:
      throw new Error(`no loss ${String(kind satisfies never)}`);
  }
}

/** -Σ t log softmax(x), whose gradient is softmax(x) Σ t - t. Subtracting the largest logit first avoids overflow. */
function crossEntropy(e: Emitter, logits: string): EmittedLoss {
  const largest = e.emit('ReduceMax', [logits], { axes: [1], keepdims: 1 });
  const shifted = e.sub(logits, largest);
  const exponentials = e.emit('Exp', [shifted]);
  const total = e.reduceSum(exponentials, [1], true);
  const logProbabilities = e.sub(shifted, e.emit('Log', [total]));
  const loss = e.emit('Neg', [e.reduceSum(e.mul(logProbabilities, PRESENT), [0, 1])]);
  const share = e.div(e.reduceSum(PRESENT, [1], true), total);
  return { loss, gradient: e.sub(e.mul(exponentials, share), PRESENT) };
}

/** log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)): Mächler, Accurately computing log(1 - exp(-|a|)), 2012. */
function binaryCrossEntropyOfLogits(e: Emitter, logits: string): EmittedLoss {
  const opposite = e.emit('Neg', [logits]);
  const small = e.emit('Exp', [e.emit('Neg', [e.emit('Abs', [logits])])]);
  const rest = e.emit('Log', [e.add(small, e.scalar(1))]);
  const costOf = (x: string) => e.add(e.emit('Relu', [x]), rest);
  const costs = e.add(e.mul(PRESENT, costOf(opposite)), e.mul(ABSENT, costOf(logits)));
  const probability = e.emit('Sigmoid', [logits]);
  const gradient = e.sub(e.mul(e.add(PRESENT, ABSENT), probability), PRESENT);
  return { loss: e.reduceSum(costs, [0, 1]), gradient };
}

/** As in PyTorch's BCELoss, logarithms are at least -100, and the gradient's denominators at least 1e-12. */
function binaryCrossEntropy(e: Emitter, probabilities: string): EmittedLoss {
  const complement = e.sub(e.scalar(1), probabilities);
  const cost = (weight: string, of: string) =>
    e.mul(weight, e.emit('Max', [e.emit('Log', [of]), e.scalar(-100)]));
  const slope = (weight: string, of: string) => e.div(weight, e.emit('Max', [of, e.scalar(1e-12)]));
  const loss = e.emit('Neg', [
    e.reduceSum(e.add(cost(PRESENT, probabilities), cost(ABSENT, complement)), [0, 1]),
  ]);
  return { loss, gradient: e.sub(slope(ABSENT, complement), slope(PRESENT, probabilities)) };
}
