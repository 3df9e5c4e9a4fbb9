// head-loss.ts: the loss of logits that are sorted by class, and its gradient. Pure functions.

import type { Loss, Targets } from '../engine/training.ts';
import { stepTargets } from '../engine/training/targets.ts';

/** What a class counts in each sample, with the mean, smoothing and class weights folded in: `[K,N]` each. */
export interface HeadTargets {
  readonly present: Float32Array;
  /** What its absence counts; absent where the classes exclude each other. */
  readonly absent?: Float32Array | undefined;
  /** N */
  readonly count: number;
  /** How many of the samples count at all. */
  readonly counted: number;
}

export function headTargets(loss: Loss, targets: Targets, count: number, classes: number): HeadTargets {
  const [present, absent] = stepTargets(loss, targets, { count, classes }).map((rows) => {
    const byClass = new Float32Array(rows.length);
    for (let n = 0, at = 0; n < count; n++) {
      for (let k = 0; k < classes; k++, at++) byClass[k * count + n] = rows[at]!;
    }
    return byClass;
  });
  return { present: present!, absent, count, counted: count };
}

/** The targets of chosen samples: those of the others become 0, and the mean is over those that stay. */
export function targetsOfSome(
  { present, absent, count }: HeadTargets,
  isChosen: (sample: number) => boolean,
): HeadTargets {
  const counts = Array.from({ length: count }, (_, n) => Number(isChosen(n)));
  const counted = counts.reduce((a, b) => a + b, 0);
  const share = (all: Float32Array) => all.map((x, at) => (counts[at % count]! * x * count) / counted);
  return { present: share(present), absent: absent && share(absent), count, counted };
}

/**
 * The sum over the samples. `logits` become the loss's gradient by them.
 * @param logits `[K,N]`
 */
export function lossInPlace(logits: Float32Array, targets: HeadTargets): number {
  return targets.absent ? sigmoidLoss(logits, targets.present, targets.absent) : softmaxLoss(logits, targets);
}

function softmaxLoss(logits: Float32Array, { present, count }: HeadTargets): number {
  const classes = logits.length / count;
  let loss = 0;
  for (let n = 0; n < count; n++) {
    let highest = -Infinity;
    let weight = 0;
    for (let k = 0, at = n; k < classes; k++, at += count) {
      highest = Math.max(highest, logits[at]!);
      weight += present[at]!;
    }
    let sum = 0;
    for (let k = 0, at = n; k < classes; k++, at += count) sum += Math.exp(logits[at]! - highest);
    const normalizer = highest + Math.log(sum);
    for (let k = 0, at = n; k < classes; k++, at += count) {
      const x = logits[at]!;
      const target = present[at]!;
      loss += target * (normalizer - x);
      logits[at] = weight * Math.exp(x - normalizer) - target;
    }
  }
  return loss;
}

function sigmoidLoss(logits: Float32Array, present: Float32Array, absent: Float32Array): number {
  let loss = 0;
  for (let at = 0; at < logits.length; at++) {
    const x = logits[at]!;
    // log(1 + e^x) in the form that does not overflow; log(1 + e^-x) is less by x.
    const softplus = Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    const p = 1 / (1 + Math.exp(-x));
    loss += present[at]! * (softplus - x) + absent[at]! * softplus;
    logits[at] = absent[at]! * p - present[at]! * (1 - p);
  }
  return loss;
}
