// streamed-head.ts: the head with the lowest loss on rows that come in blocks: the same as linear-head.ts finds on rows that are held, by
// passes over all of them. The memory it takes does not depend on how many rows there are.

import type { BlockLoss, BlockProducts } from '../engine/onnx/block-products.ts';
import { AppError } from '../util/errors.ts';
import { scalingOf } from './closed-head.ts';
import type { Moments } from './feature-sums.ts';
import { minimize, type Descent, type Minimum, type MinimizeOptions, type Objective } from './lbfgs.ts';
import type { RowStream } from './row-stream.ts';

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
export function streamedObjective({
  rows,
  moments,
  products,
  loss,
  c,
  signal,
  onBlock,
}: StreamedJob): Objective {
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
      const { kernel, bias, losses } = await products.gradient(block.rows, block.labels, {
        scaling,
        head,
        loss,
      });
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
  /** Where an earlier call stood. */
  readonly from?: Descent | undefined;
}

/** When no component of the mean loss's gradient is larger, a head has converged: the same as of rows that are held. */
const TOLERANCE = 1e-4;

/** Steps that are remembered: each takes the memory of two heads in float64, 20 MB with 1,000 classes and 1,280 features. */
const MEMORY = 5;

/** Each iteration is one pass over the rows, or seldom more. @throws AppError INTERRUPTED, FILE_INVALID */
export async function trainStreamedHead(
  job: StreamedJob,
  { tolerance = TOLERANCE, from, onIteration, maxIterations }: StreamedOptions,
): Promise<Minimum> {
  const { numbers, shares } = job.moments;
  return minimize(streamedObjective(job), new Float64Array((numbers + 1) * shares.length), {
    maxIterations,
    tolerance,
    memory: MEMORY,
    ...(from && { from }),
    ...(onIteration && { onIteration }),
  });
}
