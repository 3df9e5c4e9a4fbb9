// multi-label-metrics.ts: how good the answers are when a picture can have any number of classes. Pure functions.

import { figures, type ClassFigures } from './metrics.ts';

/** `[N, K]` row by row. */
export interface MultiScored {
  /** Probabilities of each class, independent of each other; any scores that rise with them will do. */
  readonly scores: Float32Array;
  readonly classes: number;
  /** 1 where a picture has the class. */
  readonly truth: Uint8Array;
}

interface Ranked {
  readonly score: number;
  readonly truth: number;
}

/** One class's scores, highest first. */
function ranked({ scores, classes, truth }: MultiScored, k: number): Ranked[] {
  const rows = Array.from({ length: scores.length / classes }, (_, row): Ranked => ({
    score: scores[row * classes + k]!,
    truth: truth[row * classes + k]!,
  }));
  return rows.sort((a, b) => b.score - a.score);
}

/** For each distinct score: how many rows have at least that score, and how many of them have the class. */
function cuts(
  rows: readonly Ranked[],
): readonly { readonly score: number; readonly count: number; readonly hits: number }[] {
  const result: { score: number; count: number; hits: number }[] = [];
  let hits = 0;
  rows.forEach(({ score, truth }, i) => {
    hits += truth;
    if (rows[i + 1]?.score !== score) result.push({ score, count: i + 1, hits });
  });
  return result;
}

/** Area under precision over recall, summed step by step as in scikit-learn. Undefined when no picture has the class. */
export function averagePrecision(scored: MultiScored, k: number): number | undefined {
  const steps = cuts(ranked(scored, k));
  const total = steps.at(-1)?.hits ?? 0;
  if (total === 0) return undefined;
  let sum = 0;
  let before = 0;
  for (const { count, hits } of steps) {
    sum += ((hits - before) / total) * (hits / count);
    before = hits;
  }
  return sum;
}

/** Mean over the classes that at least one picture has. */
export function meanAveragePrecision(scored: MultiScored): number {
  const each = Array.from({ length: scored.classes }, (_, k) => averagePrecision(scored, k));
  const known = each.filter((value) => value !== undefined);
  return known.length === 0 ? 0 : known.reduce((a, b) => a + b, 0) / known.length;
}

/** For each class, the lowest score at which it is predicted, for the best F1; 0.5 when no picture has the class. */
export function bestThresholds(scored: MultiScored): Float64Array {
  return Float64Array.from({ length: scored.classes }, (_, k) => {
    const steps = cuts(ranked(scored, k));
    const total = steps.at(-1)?.hits ?? 0;
    if (total === 0) return 0.5;
    let best = { f1: -1, score: 0.5 };
    steps.forEach(({ score, count, hits }, i) => {
      const f1 = (2 * hits) / (count + total);
      // The threshold lies halfway to the next lower score, so that neither score is at the edge.
      if (f1 > best.f1) best = { f1, score: (score + (steps[i + 1]?.score ?? score)) / 2 };
    });
    return best.score;
  });
}

export interface MultiFigures {
  readonly perClass: readonly ClassFigures[];
  readonly macroF1: number;
  /** Of all decisions together. */
  readonly microF1: number;
}

/** @param thresholds one for all classes, or one for each */
export function multiFigures(
  { scores, classes, truth }: MultiScored,
  thresholds: number | ArrayLike<number>,
): MultiFigures {
  const counts = Array.from({ length: classes }, () => ({ hits: 0, predicted: 0, samples: 0 }));
  scores.forEach((score, i) => {
    const k = i % classes;
    const said = score >= (typeof thresholds === 'number' ? thresholds : thresholds[k]!) ? 1 : 0;
    const count = counts[k]!;
    count.predicted += said;
    count.samples += truth[i]!;
    count.hits += said & truth[i]!;
  });
  const perClass = counts.map(figures);
  const sum = (key: 'hits' | 'predicted' | 'samples') =>
    counts.reduce((total, count) => total + count[key], 0);
  return {
    perClass,
    macroF1: perClass.reduce((total, { f1 }) => total + f1, 0) / Math.max(1, classes),
    microF1: figures({ hits: sum('hits'), predicted: sum('predicted'), samples: sum('samples') }).f1,
  };
}
