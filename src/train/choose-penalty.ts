// choose-penalty.ts: the penalty of a linear head by cross-validation on its rows: a fifth of the pictures is set aside in turn, and the
// weight of errors is chosen at which the heads learnt from the others lose least, of those that name as much of it rightly as the best, but for
// what may be luck.

import { targetsOfSome, lossInPlace, type HeadTargets } from './head-loss.ts';
import { logitsOf, objectiveOf } from './head-objective.ts';
import { minimize } from './lbfgs.ts';
import type { RowProducts } from './row-products.ts';

export interface PenaltyJob {
  readonly products: RowProducts;
  readonly targets: HeadTargets;
  /** The class of each row; undefined where a row has several. */
  readonly labels: ArrayLike<number> | undefined;
  /** Whether classes count differently: then right answers, of which each counts as one, say nothing. */
  readonly isWeighted: boolean;
  /** Where each head begins: the kernel by class, then the bias. */
  readonly start: Float64Array;
  /** The picture of each row: views of one picture are set aside together. */
  readonly pictures: ArrayLike<number>;
  readonly signal?: AbortSignal | undefined;
  readonly onPenalty?: ((tried: number, total: number) => void) | undefined;
}

const FOLDS = 5;

/** scikit-learn's default. */
export const USUAL = 1;

/** From the strongest penalty on: heads with a strong penalty converge in a few iterations, and each next one begins where the last ended. */
const PENALTIES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] as const;

/** After so many values that were worse than the best, the rest is left out. */
const WORSE = 3;

/** Coarser than for the head that is kept. */
const CONVERGENCE = { maxIterations: 60, tolerance: 1e-3 };

/** @throws AppError INTERRUPTED */
export async function chosenPenalty(job: PenaltyJob): Promise<number> {
  const { products, targets, labels, isWeighted, start, pictures, signal, onPenalty } = job;
  const foldOf = foldsOf(targets, labels, pictures);
  const folds = Array.from({ length: FOLDS }, (_, fold) => ({
    number: fold,
    learnt: targetsOfSome(targets, (n) => foldOf(n) !== fold),
    heldOut: targetsOfSome(targets, (n) => foldOf(n) === fold),
    point: start,
  })).filter(({ learnt, heldOut }) => learnt.counted > 0 && heldOut.counted > 0);
  // Where each class has one picture, nothing can be set aside.
  if (folds.length < 2) return USUAL;
  const classes = targets.present.length / targets.count;
  const sizes = { rows: targets.count, pictures: new Set(Array.from(pictures)).size };
  const all: Tried[] = [];
  let worse = 0;
  for (const [tried, c] of PENALTIES.entries()) {
    onPenalty?.(tried, PENALTIES.length);
    const now = { c, loss: 0, right: 0 };
    for (const fold of folds) {
      const objective = objectiveOf(products, fold.learnt, { c, signal });
      fold.point = (await minimize(objective, fold.point, CONVERGENCE)).point;
      const logits = await logitsOf(products, fold.point, classes);
      if (labels && !isWeighted) now.right += rightOf(logits, labels, (n) => foldOf(n) === fold.number);
      now.loss += lossInPlace(logits, fold.heldOut) * fold.heldOut.counted;
    }
    all.push(now);
    worse = chosenOf(all, sizes) === now ? 0 : worse + 1;
    if (worse >= WORSE) break;
  }
  return chosenOf(all, sizes).c;
}

/**
 * That of the least loss among those whose right answers are as many as the best one's, less a standard error: a few pictures more say
 * nothing of the next ones, and the loss is the steadier measure.
 * Source: the one-standard-error rule; Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition, 7.10.
 */
function chosenOf(
  tried: readonly Tried[],
  { rows, pictures }: { readonly rows: number; readonly pictures: number },
): Tried {
  const most = Math.max(...tried.map(({ right }) => right));
  // Of a count of rows: views of one picture are right or wrong together.
  const error = Math.sqrt((most * (rows - most)) / pictures);
  return tried.filter(({ right }) => right >= most - error).reduce((best, one) => (one.loss < best.loss ? one : best)); // prettier-ignore
}

interface Tried {
  readonly c: number;
  readonly loss: number;
  readonly right: number;
}

/** How many of the chosen rows have their largest logit at their class. @param logits `[K,N]` */
function rightOf(
  logits: Float32Array,
  labels: ArrayLike<number>,
  isChosen: (row: number) => boolean,
): number {
  let right = 0;
  for (let n = 0; n < labels.length; n++) {
    if (isChosen(n) && highestOf(logits, n, labels.length) === labels[n]) right++;
  }
  return right;
}

/** The class with the largest number of a sample. @param byClass `[K,N]` */
function highestOf(byClass: Float32Array, n: number, count: number): number {
  let own = 0;
  for (let k = 1; k * count < byClass.length; k++) {
    if (byClass[k * count + n]! > byClass[own * count + n]!) own = k;
  }
  return own;
}

/** Every class is spread over the folds, and all views of a picture are in one: the pictures of a class take turns. */
function foldsOf(
  { present, count }: HeadTargets,
  labels: ArrayLike<number> | undefined,
  pictures: ArrayLike<number>,
): (row: number) => number {
  const classes = present.length / count;
  const seen = new Float64Array(classes);
  const folds = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    if (folds.has(pictures[n]!)) continue;
    const own = labels ? labels[n]! : highestOf(present, n, count);
    folds.set(pictures[n]!, seen[own]!++ % FOLDS);
  }
  return (row) => folds.get(pictures[row]!)!;
}
