// metrics.ts: how good the answers are when each picture has one class. Pure functions of predictions and truth.

/** `[N, K]` scores row by row, and the class of each row. */
export interface Scored {
  /** Logits, or logarithms of probabilities. */
  readonly logits: Float32Array;
  /** K */
  readonly classes: number;
  /** Class numbers, N of them. */
  readonly truth: ArrayLike<number>;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** 95 %, two-sided. */
const Z = 1.959963984540054;

/** Where a share measured as `hits` of `count` lies with 95 % confidence. Source: Wilson (1927). */
export function wilson(hits: number, count: number): Interval {
  if (count === 0) return { low: 0, high: 1 };
  const share = hits / count;
  const spread = Z ** 2 / count;
  const middle = share + spread / 2;
  const reach = Z * Math.sqrt((share * (1 - share)) / count + spread / (4 * count));
  const low = hits === 0 ? 0 : (middle - reach) / (1 + spread);
  return { low: Math.max(0, low), high: hits === count ? 1 : Math.min(1, (middle + reach) / (1 + spread)) };
}

const rowsOf = ({ logits, classes }: Scored) => logits.length / classes;

/** Place of the true class among a row's scores, from 0; of equals, the lower class number first. */
function rankOf({ logits, classes, truth }: Scored, row: number): number {
  const from = row * classes;
  const own = truth[row]!;
  const score = logits[from + own]!;
  let rank = 0;
  for (let k = 0; k < classes; k++) {
    const other = logits[from + k]!;
    if (other > score || (other === score && k < own)) rank += 1;
  }
  return rank;
}

/** How many rows have their class among the `k` largest scores. */
export function topHits(scored: Scored, k: number): number {
  let hits = 0;
  for (let row = 0; row < rowsOf(scored); row++) if (rankOf(scored, row) < k) hits += 1;
  return hits;
}

/** The class with the largest score of each row. */
export function predictions({ logits, classes }: Pick<Scored, 'logits' | 'classes'>): Int32Array {
  const result = new Int32Array(logits.length / classes);
  for (let row = 0; row < result.length; row++) {
    let best = row * classes;
    for (let i = best + 1; i < (row + 1) * classes; i++) if (logits[i]! > logits[best]!) best = i;
    result[row] = best - row * classes;
  }
  return result;
}

/** Logarithm of the sum of exponentials of a row's scores times `factor`. */
function logSumExp(logits: Float32Array, from: number, to: number, factor: number): number {
  let largest = -Infinity;
  for (let i = from; i < to; i++) largest = Math.max(largest, logits[i]! * factor);
  let sum = 0;
  for (let i = from; i < to; i++) sum += Math.exp(logits[i]! * factor - largest);
  return largest + Math.log(sum);
}

/** Cross-entropy of each row, in nats. */
export function rowLosses({ logits, classes, truth }: Scored, temperature = 1): Float64Array {
  const factor = 1 / temperature;
  return Float64Array.from(truth, (own, row) => {
    const from = row * classes;
    return logSumExp(logits, from, from + classes, factor) - logits[from + own]! * factor;
  });
}

/** Mean cross-entropy, in nats. */
export function crossEntropy(scored: Scored, temperature = 1): number {
  return rowLosses(scored, temperature).reduce((a, b) => a + b, 0) / rowsOf(scored);
}

export interface ClassFigures {
  readonly samples: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** `[K][K]`, rows: truth, columns: prediction. */
export type Confusion = readonly Uint32Array[];

export function confusionOf(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): Confusion {
  const matrix = Array.from({ length: classes }, () => new Uint32Array(classes));
  for (let i = 0; i < truth.length; i++) matrix[truth[i]!]![predicted[i]!]! += 1;
  return matrix;
}

/** Of each class; 0 where it would be 0 / 0, as scikit-learn has it. */
export function classFigures(confusion: Confusion): readonly ClassFigures[] {
  return confusion.map((row, k) => {
    const predicted = confusion.reduce((sum, other) => sum + other[k]!, 0);
    return figures({ hits: row[k]!, predicted, samples: row.reduce((a, b) => a + b, 0) });
  });
}

export function figures(counts: {
  readonly hits: number;
  readonly predicted: number;
  readonly samples: number;
}): ClassFigures {
  const { hits, predicted, samples } = counts;
  const share = (of: number) => (of === 0 ? 0 : hits / of);
  const both = predicted + samples;
  return {
    samples,
    precision: share(predicted),
    recall: share(samples),
    f1: both === 0 ? 0 : (2 * hits) / both,
  };
}

/** Mean F1 over the classes that occur in truth or prediction. */
export function macroF1(confusion: Confusion): number {
  const all = classFigures(confusion);
  const occur = all.filter(({ samples }, k) => samples > 0 || confusion.some((row) => row[k]! > 0));
  return occur.reduce((sum, { f1 }) => sum + f1, 0) / Math.max(1, occur.length);
}

export interface ConfusedPair {
  readonly truth: number;
  readonly predicted: number;
  readonly count: number;
}

/** The pairs of a true class and a wrong prediction that occur most often. */
export function mostConfused(confusion: Confusion, count: number): readonly ConfusedPair[] {
  return confusion
    .flatMap((row, truth) =>
      Array.from(row, (times, predicted): ConfusedPair => ({ truth, predicted, count: times })),
    )
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count || a.truth - b.truth || a.predicted - b.predicted)
    .slice(0, count);
}

export interface CalibrationBin {
  readonly count: number;
  /** Mean probability of the predicted classes, and the share of them that were right. */
  readonly confidence: number;
  readonly accuracy: number;
}

const BINS = 15;

/** Predictions grouped by confidence, in bins of equal width. */
export function calibrationBins(scored: Scored, temperature = 1): readonly CalibrationBin[] {
  const { logits, classes, truth } = scored;
  const bins = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const [row, k] of predictions(scored).entries()) {
    const from = row * classes;
    const sum = logSumExp(logits, from, from + classes, 1 / temperature);
    const probability = Math.exp(logits[from + k]! / temperature - sum);
    // Bins include their upper end.
    const bin = bins[Math.min(BINS - 1, Math.max(0, Math.ceil(probability * BINS) - 1))]!;
    bin.count += 1;
    bin.confidence += probability;
    if (truth[row] === k) bin.right += 1;
  }
  return bins.map(({ count, confidence, right }) => ({
    count,
    confidence: count === 0 ? 0 : confidence / count,
    accuracy: count === 0 ? 0 : right / count,
  }));
}

/** Expected calibration error: how far confidence and accuracy are apart, over 15 bins. Source: Guo et al. (2017). */
export function calibrationError(bins: readonly CalibrationBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return 0;
  return bins.reduce(
    (sum, { count, confidence, accuracy }) => sum + (count / total) * Math.abs(accuracy - confidence),
    0,
  );
}

/** A temperature at one of these means that the data cannot determine one: all answers are right, or all are wrong. */
const TEMPERATURES = { low: 0.05, high: 20 } as const;

/** A logarithm of what is nothing beside 1. */
const NOTHING = -60;

/** The first and the second derivative of the rows' summed cross-entropy by the number that their logits are multiplied by. */
export function lossDerivatives(
  { logits, classes, truth }: Scored,
  factor: number,
): { readonly slope: number; readonly curvature: number } {
  let [slope, curvature] = [0, 0];
  for (let row = 0; row < truth.length; row++) {
    const from = row * classes;
    const to = from + classes;
    let largest = -Infinity;
    for (let i = from; i < to; i++) if (logits[i]! > largest) largest = logits[i]!;
    // About the largest logit, so that squares lose no digits.
    let [total, sum, squares] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      const below = logits[i]! - largest;
      // Less than rounding takes from the total, which is at least 1; a probability of 0 times an infinite logit is 0, too.
      if (below * factor < NOTHING) continue;
      const power = Math.exp(below * factor);
      total += power;
      sum += power * below;
      squares += power * below * below;
    }
    const mean = sum / total;
    // Of logits that are no numbers nothing is learnt.
    if (Number.isNaN(mean)) continue;
    slope += mean - (logits[from + truth[row]!]! - largest);
    curvature += squares / total - mean * mean;
  }
  return { slope, curvature };
}

const MOST_STEPS = 60;

/**
 * Where a function that rises through 0 is 0: Newton's steps, and half of what is left where one leads out of it. The end where it is nearest to 0 if
 * it does not reach it between; the middle where it is 0 everywhere.
 * @param at the function and its derivative at a place; @param tolerance of the place
 */
export function rootBetween(
  [low, high]: readonly [number, number],
  at: (place: number) => { readonly value: number; readonly derivative: number },
  tolerance: number,
): number {
  const [lowest, highest] = [at(low).value, at(high).value];
  if (highest <= 0 && lowest < 0) return high;
  if (lowest >= 0 && highest > 0) return low;
  if (!(lowest < 0)) return (low + high) / 2;
  let place = (low + high) / 2;
  for (let step = 0; step < MOST_STEPS && high - low > tolerance; step++) {
    const { value, derivative } = at(place);
    if (value < 0) low = place;
    else high = place;
    const next = place - value / derivative;
    const isInside = derivative > 0 && next > low && next < high;
    if (isInside && Math.abs(next - place) < tolerance) return next;
    place = isInside ? next : (low + high) / 2;
  }
  return place;
}

/**
 * The temperature that logits are to be divided by for the lowest cross-entropy. The loss is convex in 1 / T, so that its slope by the
 * logarithm of 1 / T is 0 at one place.
 */
export function bestTemperature(scored: Scored): number {
  const at = (logarithm: number) => {
    const factor = Math.exp(logarithm);
    const { slope, curvature } = lossDerivatives(scored, factor);
    return { value: slope, derivative: curvature * factor };
  };
  return Math.exp(-rootBetween([-Math.log(TEMPERATURES.high), -Math.log(TEMPERATURES.low)], at, 1e-9));
}
