// curvature.ts: an estimate of the curvature of a linear head's loss, for correlated features: along a few directions they vary a thousand
// times as much as along the others, and L-BFGS alone would need hundreds of passes to learn that.
// Sources: Halko, Martinsson and Tropp, Finding structure with randomness, 2011, algorithm 4.4, for the directions; Nocedal and Wright,
// Numerical Optimization, 2nd edition, 7.2, for the initial matrix of L-BFGS.

import { dot64 } from '../util/dot.ts';
import { orthonormal } from '../util/orthonormal.ts';
import { createRng } from '../util/rng.ts';
import type { Objective } from './lbfgs.ts';
import type { RowProducts } from './row-products.ts';

export interface CurvatureJob {
  readonly objective: Objective;
  /** Where the curvature is wanted: the kernel by class `[K,D]`, then the bias `[K]`. */
  readonly point: Float64Array;
  /** The objective's, at the point. */
  readonly gradient: Float64Array;
  /** Of rows whose features have mean 0. */
  readonly products: RowProducts;
  /** `[N,D]` */
  readonly rows: Float32Array;
  readonly numbers: number;
  /** What |kernel|² / 2 is multiplied by in the objective. */
  readonly penalty: number;
}

/** Directions whose variance is known one by one. The others count as one. */
const DIRECTIONS = 64;

/** How often the directions are turned towards those in which the features vary most. */
const TURNS = 5;

/** Of the point's change along which the curvature is measured, beside the kernel. */
const NUDGE = 1e-3;

/**
 * The inverse of the curvature about a point, times a vector. For every class the curvature is taken to be c S + penalty: S is the
 * covariance of the features, and c is measured. Undefined where nothing can be measured: features that are all 0, a loss that is flat.
 */
export async function inverseCurvature(
  job: CurvatureJob,
): Promise<((vector: Float64Array) => Float64Array) | undefined> {
  const { rows, numbers, penalty, point } = job;
  const count = rows.length / numbers;
  const { directions, variances } = await mainDirections(job, count);
  const rest = numbers - variances.length;
  const total = rows.reduce((sum, x) => sum + x * x, 0) / count;
  const other = rest > 0 ? Math.max(0, total - variances.reduce((a, b) => a + b, 0)) / rest : 0;
  const c = await measuredFactor(job, count);
  if (!(c > 0) || !Number.isFinite(c)) return undefined;
  const base = 1 / (c * other + penalty);
  const beyond = variances.map((variance) => 1 / (c * variance + penalty) - base);
  const kernelSize = point.length - point.length / (numbers + 1);
  return (vector) => {
    // The bias is the weight of a feature that is 1 everywhere.
    const result = vector.map((x, i) => x * (i < kernelSize ? base : 1 / c));
    for (let at = 0; at < kernelSize; at += numbers) {
      const own = vector.subarray(at, at + numbers);
      beyond.forEach((factor, i) => {
        const direction = directions.subarray(i * numbers, (i + 1) * numbers);
        const along = factor * dot64(own, direction);
        for (let d = 0; d < numbers; d++) result[at + d]! += along * direction[d]!;
      });
    }
    return result;
  };
}

/** The directions of largest variance, `[R,D]`, each of length 1, and the variance along each. */
async function mainDirections({ products, numbers }: CurvatureJob, count: number) {
  const rank = Math.min(DIRECTIONS, numbers, count);
  const rng = createRng(0);
  let directions = orthonormal(
    Float64Array.from({ length: rank * numbers }, () => rng.normal()),
    numbers,
  );
  for (let turn = 0; turn < TURNS; turn++) {
    const seen = await products.logits(Float32Array.from(directions));
    directions = orthonormal(Float64Array.from(await products.gradient(seen)), numbers);
  }
  const seen = await products.logits(Float32Array.from(directions));
  const variances = Array.from({ length: directions.length / numbers }, (_, i) => {
    const along = seen.subarray(i * count, (i + 1) * count);
    return along.reduce((sum, x) => sum + x * x, 0) / count;
  });
  return { directions, variances };
}

/** How much of the features' variance the loss has as its curvature, on average over the classes: from two gradients. */
async function measuredFactor(
  { objective, point, gradient, products, numbers, penalty }: CurvatureJob,
  count: number,
): Promise<number> {
  const classes = point.length / (numbers + 1);
  const kernelSize = classes * numbers;
  const rng = createRng(1);
  const direction = Float64Array.from(point, (_, i) => (i < kernelSize ? rng.normal() : 0));
  const seen = await products.logits(Float32Array.from(direction.subarray(0, kernelSize)));
  const variance = seen.reduce((sum, x) => sum + x * x, 0) / count;
  const scale = NUDGE / Math.sqrt(variance / classes);
  if (!Number.isFinite(scale)) return 0;
  const there = await objective(point.map((x, i) => x + scale * direction[i]!));
  const change = there.gradient.map((g, i) => g - gradient[i]!);
  return (dot64(change, direction) / scale - penalty * dot64(direction, direction)) / variance;
}
