// linear-head.ts: a linear classifier on rows of features, trained to convergence: logistic regression with an L2 penalty, by L-BFGS on
// standardised features. Deterministic; opens no picture. An engine computes the two products of matrices of each iteration.

import type { Engine } from '../engine/engine.ts';
import type { Loss, Targets } from '../engine/training.ts';
import type { HeadWeights } from '../graph/new-head.ts';
import { chosenPenalty, USUAL } from './choose-penalty.ts';
import { headTargets } from './head-loss.ts';
import { inverseCurvature, type CurvatureJob } from './curvature.ts';
import { objectiveOf, penaltyOf } from './head-objective.ts';
import { minimize, type Minimum, type MinimizeOptions } from './lbfgs.ts';
import { rowProducts } from './row-products.ts';
import { standardize, unstandardized } from './standardize.ts';

export interface LabelledRows {
  /** `[N,D]`, row-major. */
  readonly rows: Float32Array;
  readonly numbers: number;
  readonly targets: Targets;
  readonly classes: number;
}

/** For rows as they are, not standardised: logits = row kernel + bias. */
export interface LinearHead extends HeadWeights {
  readonly c: number;
  readonly iterations: number;
}

export interface LinearHeadOptions extends Partial<Pick<MinimizeOptions, 'maxIterations' | 'tolerance'>> {
  readonly loss?: Loss;
  /**
   * How much an error weighs against the penalty |kernel|² / 2: scikit-learn's C. `auto`: what is best on rows that were set aside. 1 by
   * default.
   */
  readonly c?: number | 'auto';
  /** Which rows are views of one picture: the number of the picture, `[N]`. By default every row is a picture of its own. */
  readonly pictures?: ArrayLike<number>;
  /** Told after each penalty that was tried, of so many. */
  readonly onPenalty?: (tried: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** When no component of the mean loss's gradient is larger, a head has converged. */
const TOLERANCE = 1e-4;
const MAX_ITERATIONS = 200;

/**
 * A head that has not converged after so many passes goes on with an estimate of the curvature. Most heads need fewer, and then the
 * estimate would only hold them up: where a network tells the classes apart, the loss has hardly any curvature left.
 */
const PLAIN = 40;

/** @throws AppError INTERRUPTED */
export async function trainLinearHead(
  engine: Engine,
  { rows, numbers, targets, classes }: LabelledRows,
  options: LinearHeadOptions = {},
): Promise<LinearHead> {
  const { loss = { kind: 'cross-entropy' }, c: asked = USUAL, signal, onPenalty } = options;
  const { maxIterations = MAX_ITERATIONS, tolerance = TOLERANCE } = options;
  const count = rows.length / numbers;
  const { pictures = Uint32Array.from({ length: count }, (_, n) => n) } = options;
  const standard = standardize(rows, numbers);
  const products = await rowProducts(engine, standard.rows, numbers);
  try {
    const wanted = headTargets(loss, targets, count, classes);
    const start = new Float64Array((numbers + 1) * classes);
    const labels = 'classes' in targets ? targets.classes : undefined;
    const isWeighted = loss.kind === 'cross-entropy' && loss.classWeights !== undefined;
    const job = { products, targets: wanted, labels, isWeighted, start, pictures, signal, onPenalty };
    const c = asked === 'auto' ? await chosenPenalty(job) : asked;
    const objective = objectiveOf(products, wanted, { c, signal });
    const search = {
      objective,
      start,
      products,
      rows: standard.rows,
      numbers,
      penalty: penaltyOf(wanted, c),
    };
    const { point, iterations } = await lowest(search, { maxIterations, tolerance });
    return { ...unstandardized(point, standard), c, iterations };
  } finally {
    await products.dispose();
  }
}

/** The lowest point of the objective. */
async function lowest(
  { start, ...search }: Omit<CurvatureJob, 'point' | 'gradient'> & { readonly start: Float64Array },
  { maxIterations, tolerance }: Pick<MinimizeOptions, 'maxIterations' | 'tolerance'>,
): Promise<Minimum> {
  const { objective } = search;
  const from = await minimize(objective, start, { maxIterations: Math.min(PLAIN, maxIterations), tolerance });
  if (from.isConverged || from.iterations < PLAIN || from.iterations === maxIterations) return from;
  const inverse = await inverseCurvature({ ...search, ...from });
  return minimize(objective, start, { maxIterations, tolerance, from, ...(inverse && { inverseCurvature: inverse }) }); // prettier-ignore
}
