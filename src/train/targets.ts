// targets.ts: the right answers for pictures, in the form that the loss takes, and how many answers of a batch are right. Pure.

import type { Loss, Targets } from '../engine/training.ts';
import { predictions } from '../evaluation/metrics.ts';

/** Class numbers become zeros and ones where the loss asks about each class by itself. */
export function targetsFor(loss: Loss['kind'], targets: Targets, classes: number): Targets {
  if (loss === 'cross-entropy' || 'probabilities' in targets) return targets;
  const probabilities = new Float32Array(targets.classes.length * classes);
  Array.from(targets.classes).forEach((own, i) => (probabilities[i * classes + own] = 1));
  return { probabilities };
}

/** Number of rows whose largest score is at their class or, in a mixture, at the class with the largest share. */
export function rightAnswers(logits: Float32Array, targets: Targets, classes: number): number {
  const truth =
    'classes' in targets ? targets.classes : predictions({ logits: targets.probabilities, classes });
  return predictions({ logits, classes }).filter((said, i) => said === truth[i]).length;
}

/** Samples' own labels as targets. */
export function targetsOf(
  labels: readonly (readonly number[])[],
  { classes, multiLabel }: { readonly classes: number; readonly multiLabel: boolean },
): Targets {
  if (!multiLabel) return { classes: labels.map(([own]) => own!) };
  const probabilities = new Float32Array(labels.length * classes);
  labels.forEach((own, i) => own.forEach((label) => (probabilities[i * classes + label] = 1)));
  return { probabilities };
}
