// novelty.ts: how unlike everything that a network has learnt a picture is: a score, and the limit above which its class is
// unknown. Pure functions; train/learn-novelty.ts finds the numbers.

import { dot, normalized } from './dot.ts';

/** Where the usual values of a quantity lie: those of pictures of known classes that the network did not learn from. */
export interface Usual {
  /** Their median. */
  readonly middle: number;
  /** Their standard deviation. */
  readonly spread: number;
}

/** What a network knows of the pictures it has learnt from. */
export interface Novelty {
  /** Features of pictures that it learnt from, each of length 1, `[N, numbers]` row by row. */
  readonly rows: Float32Array;
  readonly numbers: number;
  readonly doubt: Usual;
  readonly distance: Usual;
  /** How much the distance counts beside the doubt. */
  readonly weight: number;
  /** Scores of pictures of known classes that it did not learn from, in rising order. */
  readonly known: Float64Array;
}

/** One picture of a known class in twenty is given up so that others are told. */
export const UNKNOWN_RATE = 0.95;

/** Both are surer than any picture needs to be. */
const SUREST = -50;

/** Logarithm of the odds that the most probable class is wrong, by the network's own probabilities. @param logits `[classes]`, two or more */
export function doubtOf(logits: Float32Array): number {
  let [first, largest] = [0, -Infinity];
  logits.forEach((logit, k) => {
    if (logit > largest) [first, largest] = [k, logit];
  });
  let others = 0;
  logits.forEach((logit, k) => (others += k === first ? 0 : Math.exp(logit - largest)));
  return Math.max(SUREST, Math.log(others));
}

/** 1 minus the cosine to the nearest row; of rows of length 1. @param unit `[numbers]`, of length 1 */
export function distanceOf(unit: Float32Array, rows: Float32Array): number {
  const numbers = unit.length;
  let nearest = -1;
  for (let at = 0; at < rows.length; at += numbers) {
    nearest = Math.max(nearest, dot(unit, rows.subarray(at, at + numbers)));
  }
  return 1 - nearest;
}

/**
 * The higher, the less like the known classes. Doubt tells other things of the same kind (another bird), distance other kinds of
 * things. Sources: Hendrycks and Gimpel (2017) for the doubt, Sun and others (2022) for the nearest neighbour.
 */
export function noveltyScore(
  values: { readonly doubt: number; readonly distance: number },
  { doubt, distance, weight }: Pick<Novelty, 'doubt' | 'distance' | 'weight'>,
): number {
  return inSpreads(values.doubt, doubt) + weight * inSpreads(values.distance, distance);
}

/** The score of one picture. @param logits `[classes]` @param features `[numbers]`, of any length */
export function noveltyOf(
  { logits, features }: { readonly logits: Float32Array; readonly features: Float32Array },
  novelty: Novelty,
): number {
  const distance = distanceOf(normalized(features), novelty.rows);
  return noveltyScore({ doubt: doubtOf(logits), distance }, novelty);
}

const inSpreads = (value: number, { middle, spread }: Usual) => (value - middle) / spread;

/**
 * The score that so many pictures of known classes do not exceed: of n scores the ceil((n + 1) rate)-th, so that the share holds for
 * new pictures on average (split conformal prediction; Vovk and others, 2005).
 * @param rate above 0 and below 1
 */
export function noveltyLimit({ known }: Pick<Novelty, 'known'>, rate: number): number {
  const place = Math.min(known.length, Math.ceil((known.length + 1) * rate));
  return known[place - 1]!;
}
