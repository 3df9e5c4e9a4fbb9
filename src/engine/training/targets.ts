// targets.ts: turns the targets of a batch into weights for a step: how much the presence and the absence of each class count in
// each sample. Every engine uses the same numbers.
//
// Smoothing, class weights and the mean over the batch are folded in, so that a loss is the same few operators for all of them.

import { AppError } from '../../util/errors.ts';
import type { Loss, Targets } from '../training.ts';

interface BatchSize {
  readonly count: number;
  readonly classes: number;
}

/**
 * The targets of a batch as a step takes them.
 * @returns `[N,K]` arrays: how much a class counts in a sample and, except for cross-entropy, how much its absence counts
 * @throws AppError LABELS_INVALID when a target does not fit the classes
 */
export function stepTargets(loss: Loss, targets: Targets, size: BatchSize): readonly Float32Array[] {
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
