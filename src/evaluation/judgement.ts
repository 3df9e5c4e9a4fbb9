// judgement.ts: how good scores are, in the few numbers that an epoch is judged by. Pure functions.

import { crossEntropy, topHits } from './metrics.ts';
import { meanAveragePrecision } from './multi-label-metrics.ts';

export interface Truth {
  /** Class numbers of each sample: one, or any number of them with several labels. */
  readonly labels: readonly (readonly number[])[];
  readonly classes: number;
  readonly multiLabel: boolean;
}

export interface Judgement {
  readonly loss: number;
  /** What epochs are compared by, higher is better: top-1, or mean average precision with several labels. */
  readonly score: number;
  /** Shares; absent with several labels. */
  readonly top1?: number;
  readonly top5?: number;
}

/** @param logits `[N, classes]`, in the order of `labels` */
export function judge(logits: Float32Array, { labels, classes, multiLabel }: Truth): Judgement {
  if (multiLabel) return judgeSeveral(logits, labels, classes);
  const scored = { logits, classes, truth: labels.map(([own]) => own!) };
  const [top1, top5] = [1, 5].map((k) => topHits(scored, k) / labels.length) as [number, number];
  return { loss: crossEntropy(scored), score: top1, top1, top5 };
}

function judgeSeveral(
  logits: Float32Array,
  labels: readonly (readonly number[])[],
  classes: number,
): Judgement {
  const truth = new Uint8Array(logits.length);
  labels.forEach((own, i) => own.forEach((label) => (truth[i * classes + label] = 1)));
  let loss = 0;
  // log(1 + e^x) - x y, in the form that does not overflow
  logits.forEach((x, i) => (loss += Math.max(x, 0) - x * truth[i]! + Math.log1p(Math.exp(-Math.abs(x)))));
  return { loss: loss / logits.length, score: meanAveragePrecision({ scores: logits, classes, truth }) };
}

/** Whether one judgement is better than another: by score, or by loss where the scores are equal. */
export function isBetter(one: Judgement, other: Judgement | undefined): boolean {
  if (!other) return true;
  return one.score > other.score || (one.score === other.score && one.loss < other.loss);
}
