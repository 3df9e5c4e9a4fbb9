// streamed-head.ts: the head with the lowest loss on rows that come in blocks: the same as linear-head.ts finds on rows that are held, by
// passes over all of them. The memory it takes does not depend on how many rows there are.

import type { BlockLoss, BlockProducts } from '../engine/onnx/block-products.ts';
import { AppError } from '../util/errors.ts';
import { scalingOf, withRidge } from './closed-head.ts';
import type { Moments } from './feature-sums.ts';
import { minimize, type Descent, type Minimum, type MinimizeOptions, type Objective } from './lbfgs.ts';
import type { RowStream } from './row-stream.ts';
import { spdInverse } from './spd-inverse.ts';

export interface StreamedJob {
  readonly rows: RowStream;
  readonly moments: Moments;
  readonly products: BlockProducts;
  readonly loss: BlockLoss;
  /** How much an error weighs against the penalty |kernel|² / 2: scikit-learn's C. */
  readonly c: number;
  readonly signal?: AbortSignal;
  /** Told after each block of a pass. */
  readonly onBlock?: (rows: number) => void;
}

/**
 * Mean loss + |kernel|² / (2 c N), and its gradient, at a point for standardised rows: the kernel by class `[K,D]`, then the bias `[K]`.
 * One call is one pass over all rows. @throws AppError INTERRUPTED; FILE_INVALID where rows were cut short
 */
export function streamedObjective({ rows, moments, products, loss, c, signal, onBlock }: StreamedJob): Objective {
  const { numbers, count, shares } = moments;
  const { weights } = loss;
  const scaling = scalingOf(moments);
  const penalty = 1 / (c * count);
  const total = shares.reduce((sum, share, k) => sum + share * count * weights[k]!, 0);
  const kernelSize = shares.length * numbers;
  return async (point) => {
    const head = {
      kernel: Float32Array.from(point.subarray(0, kernelSize)),
      bias: Float32Array.from(point.subarray(kernelSize)),
    };
    const gradient = new Float64Array(point.length);
    let value = 0;
    let seen = 0;
    for await (const block of rows.blocks()) {
      if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the head was learning');
      const { kernel, bias, losses } = await products.gradient(block.rows, block.labels, { scaling, head, loss });
      for (let i = 0; i < kernelSize; i++) gradient[i]! += kernel[i]!;
      for (let k = 0; k < bias.length; k++) gradient[kernelSize + k]! += bias[k]!;
      for (const own of losses) value += own;
      seen += block.labels.length;
      onBlock?.(seen);
    }
    if (seen !== count) throw new AppError('FILE_INVALID', `${seen} rows were read, expected ${count}: the shards were changed meanwhile`); // prettier-ignore
    for (let i = 0; i < gradient.length; i++) gradient[i]! /= total;
    value /= total;
    for (let i = 0; i < kernelSize; i++) {
      value += (penalty / 2) * point[i]! ** 2;
      gradient[i]! += penalty * point[i]!;
    }
    return { value, gradient };
  };
}

export interface StreamedOptions extends Pick<MinimizeOptions, 'maxIterations' | 'onIteration'> {
  readonly tolerance?: number;
  /** Where the passes begin. */
  readonly start: Float64Array;
  /** Where an earlier call stood. */
  readonly from?: Descent | undefined;
}

/** When no component of the mean loss's gradient is larger, a head has converged: the same as of rows that are held. */
const TOLERANCE = 1e-4;

/** Steps that are remembered: with the covariance as a guide, more of them gain nothing, and each takes twice the memory of a head. */
const MEMORY = 5;

/** Each iteration is one pass over the rows, or seldom more. @throws AppError INTERRUPTED, FILE_INVALID */
export async function trainStreamedHead(
  job: StreamedJob,
  { tolerance = TOLERANCE, start, from, onIteration, maxIterations }: StreamedOptions,
): Promise<Minimum> {
  const precondition = preconditionerOf(job);
  return minimize(streamedObjective(job), start, {
    maxIterations,
    tolerance,
    memory: MEMORY,
    ...(precondition && { precondition }),
    ...(from && { from }),
    ...(onIteration && { onIteration }),
  });
}

/** Added to the variances, so that directions in which the features hardly move do not decide the step. */
const LEAST_VARIANCE = 1e-3;

/**
 * About the inverse of the loss's second derivatives, which are the features' covariance times what the probabilities make of it: the
 * covariance is known from the sums, and is alike for all classes. Features of a network go together so much that passes are halved.
 */
function preconditionerOf({ moments, products, c }: StreamedJob): MinimizeOptions['precondition'] {
  const { numbers, count, covariance, shares } = moments;
  // Of a probability p, p (1 - p): here that of the class's share.
  const curvature = shares.reduce((sum, share) => sum + share * (1 - share), 0) / shares.length;
  const ridge = Math.max(LEAST_VARIANCE, 1 / (c * count * curvature));
  const inverse = spdInverse(withRidge(covariance, numbers, ridge), numbers);
  if (!inverse) return undefined;
  const matrix = Float32Array.from(inverse, (value) => value / curvature);
  const kernelSize = shares.length * numbers;
  return async (vector) => {
    const kernel = await products.times(Float32Array.from(vector.subarray(0, kernelSize)), matrix);
    const result = vector.map((value) => value / curvature);
    result.set(kernel);
    return result;
  };
}
