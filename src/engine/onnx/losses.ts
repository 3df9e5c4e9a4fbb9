// losses.ts: a loss as onnx operators, with the gradient of the logits beside it, and what a batch's targets become as its inputs.
//
// Smoothing, class weights and the mean over the batch are folded into the targets: the graph only sees how much each class counts
// in each sample, so that it is the same for all of them.

import { AppError } from '../../util/errors.ts';
import type { Loss, Targets } from '../training.ts';
import type { Emitter } from './emitter.ts';

interface EmittedLoss {
  /** A scalar. */
  readonly loss: string;
  /** `[N,K]`: the gradient of the graph's output. */
  readonly gradient: string;
}

/** Inputs of the step that carry the targets, `[N,K]` each: how much a class counts, and how much its absence does. */
export const TARGET_INPUTS = {
  'cross-entropy': ['targets/present'],
  bce: ['targets/present', 'targets/absent'],
  'bce-logits': ['targets/present', 'targets/absent'],
} as const satisfies Record<Loss['kind'], readonly string[]>;

const PRESENT = 'targets/present';
const ABSENT = 'targets/absent';

/** @param output the graph's, `[N,K]`: logits, or probabilities for `bce` */
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

/** -Σ t log softmax(x), whose gradient is softmax(x) Σ t - t. The largest logit is taken off first: no exponential overflows. */
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

/** As PyTorch's BCELoss: logarithms end at -100, and the gradient's denominators at 1e-12. */
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

interface BatchSize {
  readonly count: number;
  readonly classes: number;
}

/**
 * The step's target inputs for a batch.
 * @returns one `[N,K]` array for each of `TARGET_INPUTS`
 * @throws AppError LABELS_INVALID when a target does not fit the classes
 */
export function targetsFor(loss: Loss, targets: Targets, size: BatchSize): readonly Float32Array[] {
  const { count, classes } = size;
  const wanted = probabilitiesOf(targets, size);
  if (loss.kind === 'cross-entropy') {
    const { labelSmoothing = 0, classWeights } = loss;
    // PyTorch: with class targets the mean is over the weights of those classes, with probabilities over the samples.
    const total =
      'classes' in targets && classWeights
        ? Array.from(targets.classes).reduce((sum, c) => sum + classWeights[c]!, 0)
        : count;
    const present = wanted.map(
      (p, i) =>
        ((classWeights?.[i % classes] ?? 1) * (p * (1 - labelSmoothing) + labelSmoothing / classes)) / total,
    );
    return [present];
  }
  const posWeight = loss.kind === 'bce-logits' ? loss.posWeight : undefined;
  const mean = 1 / (count * classes);
  return [
    wanted.map((p, i) => p * (posWeight?.[i % classes] ?? 1) * mean),
    wanted.map((p) => (1 - p) * mean),
  ];
}

function probabilitiesOf(targets: Targets, { count, classes }: BatchSize): Float32Array {
  if ('probabilities' in targets) {
    const { probabilities } = targets;
    if (probabilities.length !== count * classes) {
      throw invalid(`${probabilities.length} numbers`, `${count} x ${classes} probabilities`);
    }
    const wrong = probabilities.find((p) => !(p >= 0 && p <= 1));
    if (wrong !== undefined) throw invalid(`the probability ${wrong}`, 'numbers from 0 to 1');
    return probabilities;
  }
  if (targets.classes.length !== count) throw invalid(`${targets.classes.length} classes`, `${count}`);
  const oneHot = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) {
    const index = targets.classes[i]!;
    if (!(Number.isInteger(index) && index >= 0 && index < classes)) {
      throw invalid(`class ${index} for sample ${i}`, `whole numbers from 0 to ${classes - 1}`);
    }
    oneHot[i * classes + index] = 1;
  }
  return oneHot;
}

function invalid(received: string, expected: string): AppError {
  return new AppError(
    'LABELS_INVALID',
    `targets of a training step: received ${received}, expected ${expected}. Does the model have as many classes as the data?`,
  );
}
