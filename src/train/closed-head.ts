// closed-head.ts: a head in closed form, out of sums alone: the classes as clouds of one shape around their means (linear discriminant
// analysis), whose covariance gets a ridge. How large the ridge is, and how sure the head is, is chosen on rows that were set aside.
// Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition, 4.3.1.

import type { BlockProducts, RowScaling } from '../engine/onnx/block-products.ts';
import { crossEntropy } from '../evaluation/metrics.ts';
import type { Moments } from './feature-sums.ts';
import { AppError } from '../util/errors.ts';
import { blockRows, spreadRows, type RowStream } from './row-stream.ts';
import { spdInverse, type Pause } from './spd-inverse.ts';
import { measuredTemperature } from './temperature.ts';

export interface ClosedHead {
  /** For standardised rows: the kernel by class `[K,D]`, then the bias `[K]`. */
  readonly point: Float64Array;
  /** What was added to the variance of each standardised feature. */
  readonly ridge: number;
}

interface ClosedJob {
  readonly moments: Moments;
  readonly products: BlockProducts;
  /** Rows that were not added up. */
  readonly judged: RowStream;
  /** What each class counts, `[K]`. */
  readonly weights: ArrayLike<number>;
  /** Told before each ridge. */
  readonly onTry: (tried: number, total: number) => void;
  /** Lets others have their turn. @throws AppError INTERRUPTED */
  readonly pause: Pause;
}

/** Of the mean variance of the standardised features within a class; where that is but rounding (each class has one row), of 1. */
const RIDGES = [0.001, 0.01, 0.1, 1] as const;
const LEAST_VARIANCE = 1e-4;

/** Logits that a ridge is judged by: more take seconds each. */
const MOST_LOGITS = 4_000_000;

export const scalingOf = ({ mean, deviation }: Pick<Moments, 'mean' | 'deviation'>): RowScaling => ({
  mean: Float32Array.from(mean),
  scale: Float32Array.from(deviation, (value) => 1 / value),
});

/** @throws AppError DATASET_INVALID where no ridge helps */
export async function closedHead({
  moments,
  products,
  judged,
  weights,
  onTry,
  pause,
}: ClosedJob): Promise<ClosedHead> {
  const { numbers, shares, classMeans } = moments;
  const classes = shares.length;
  const within = await covarianceWithin(moments, products);
  const scaling = scalingOf(moments);
  const most = Math.max(1, Math.min(Math.floor(MOST_LOGITS / classes), blockRows(numbers, classes)));
  const { rows, labels: truth } = await spreadRows(judged, most);
  const total = Array.from(shares).reduce((sum, share, k) => sum + share * weights[k]!, 0);
  const priors = shares.map((share, k) => Math.log((share * weights[k]!) / total));
  let trace = 0;
  for (let d = 0; d < numbers; d++) trace += within[d * numbers + d]!;
  const unit = trace / numbers > LEAST_VARIANCE ? trace / numbers : 1;
  let best: ClosedHead | undefined;
  let least = Infinity;
  for (const [tried, share] of RIDGES.entries()) {
    onTry(tried, RIDGES.length);
    const ridge = share * unit;
    const inverse = await spdInverse(withRidge(within, numbers, ridge), numbers, pause);
    if (!inverse) continue;
    const kernel = await products.times(classMeans, Float32Array.from(inverse));
    const bias = Float32Array.from(priors, (prior, k) => prior - dotOf(kernel, classMeans, k, numbers) / 2);
    const logits = await products.logits(rows, scaling, { kernel, bias });
    const temperature = measuredTemperature({ logits, classes, truth });
    const loss = crossEntropy({ logits, classes, truth }, temperature);
    if (!(loss < least)) continue;
    least = loss;
    const point = new Float64Array(kernel.length + classes);
    point.set(kernel);
    point.set(bias, kernel.length);
    best = { point: point.map((value) => value / temperature), ridge };
  }
  if (!best) throw new AppError('DATASET_INVALID', `the covariance of the features has no inverse, with a ridge of ${unit} either; use --method converged`); // prettier-ignore
  return best;
}

/** The covariance of the standardised features around their class's mean, `[D,D]`. */
async function covarianceWithin(moments: Moments, products: BlockProducts): Promise<Float64Array> {
  const { numbers, covariance, shares, classMeans } = moments;
  const weighted = classMeans.map((value, at) => value * Math.sqrt(shares[Math.floor(at / numbers)]!));
  const none = { mean: new Float32Array(numbers), scale: new Float32Array(numbers).fill(1) };
  const between = await products.scatter(weighted, none);
  return covariance.map((value, at) => value - between[at]!);
}

function withRidge(matrix: Float64Array, side: number, ridge: number): Float64Array {
  const result = matrix.slice();
  for (let d = 0; d < side; d++) result[d * side + d]! += ridge;
  return result;
}

function dotOf(a: Float32Array, b: Float32Array, row: number, numbers: number): number {
  let sum = 0;
  for (let at = row * numbers; at < (row + 1) * numbers; at++) sum += a[at]! * b[at]!;
  return sum;
}
