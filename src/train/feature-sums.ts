// feature-sums.ts: what one pass over rows adds up: how many each class has, their sums, and the products of every two features. Their
// means, deviations and covariance follow, and with them a head in closed form. Float64 over blocks; opens nothing.

import type { BlockProducts } from '../engine/onnx/block-products.ts';
import type { RowBlock } from './row-stream.ts';
import { divisorsOf } from './standardize.ts';

/** Sums of all rows so far. */
export interface FeatureSums {
  readonly numbers: number;
  /** Rows of each class, by the numbers that the labels have. */
  readonly counts: readonly number[];
  /** Of each class, `[D]`. */
  readonly classSums: readonly Float64Array[];
  /** About where the features lie, so that products lose no digits: the first block's mean, `[D]`. */
  readonly shift: Float32Array;
  /** Of the rows less `shift`: Xᵀ X, `[D,D]`. */
  readonly scatter: Float64Array;
}

/** Adds blocks up; `sums` may be read at any time. */
export interface SumsBuilder {
  /** @throws AppError when the engine fails */
  add(block: RowBlock): Promise<void>;
  sums(): FeatureSums;
}

export function sumsBuilder(products: BlockProducts, numbers: number): SumsBuilder {
  const counts: number[] = [];
  const classSums: Float64Array[] = [];
  const scatter = new Float64Array(numbers * numbers);
  const scale = new Float32Array(numbers).fill(1);
  let shift: Float32Array | undefined;
  return {
    async add({ rows, labels }) {
      shift ??= meanOf(rows, numbers);
      const product = await products.scatter(rows, { mean: shift, scale });
      for (let i = 0; i < scatter.length; i++) scatter[i]! += product[i]!;
      labels.forEach((label, n) => {
        counts[label] = (counts[label] ?? 0) + 1;
        const sums = (classSums[label] ??= new Float64Array(numbers));
        const at = n * numbers;
        for (let d = 0; d < numbers; d++) sums[d]! += rows[at + d]!;
      });
    },
    sums: () => ({ numbers, counts, classSums, shift: shift ?? new Float32Array(numbers), scatter }),
  };
}

function meanOf(rows: Float32Array, numbers: number): Float32Array {
  const mean = new Float64Array(numbers);
  for (let at = 0; at < rows.length; at += numbers) {
    for (let d = 0; d < numbers; d++) mean[d]! += rows[at + d]!;
  }
  return Float32Array.from(mean, (sum) => (sum * numbers) / rows.length);
}

/** Of features with mean 0 and deviation 1, which the rows become by `mean` and `deviation`. */
export interface Moments {
  readonly count: number;
  readonly numbers: number;
  /** `[D]` each. */
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  /** Of the standardised features, `[D,D]`. */
  readonly covariance: Float64Array;
  /** Share of each class, `[K]`, and the means of its standardised features, `[K,D]`. */
  readonly shares: Float64Array;
  readonly classMeans: Float32Array;
}

/** @param order the number that each class of the sums gets, `[K]` */
export function momentsOf(
  { numbers, counts, classSums, shift, scatter }: FeatureSums,
  order: ArrayLike<number>,
): Moments {
  const count = counts.reduce((a, b) => a + b, 0);
  const mean = new Float64Array(numbers);
  for (const sums of classSums) for (let d = 0; d < numbers; d++) mean[d]! += sums[d]! / count;
  const off = mean.map((value, d) => value - shift[d]!);
  const product = (i: number, j: number) => scatter[i * numbers + j]! / count - off[i]! * off[j]!;
  const deviation = divisorsOf(Float64Array.from(mean, (_, d) => Math.max(0, product(d, d))));
  const covariance = new Float64Array(numbers * numbers);
  for (let i = 0; i < numbers; i++) {
    for (let j = 0; j < numbers; j++)
      covariance[i * numbers + j] = product(i, j) / (deviation[i]! * deviation[j]!);
  }
  const shares = new Float64Array(counts.length);
  const classMeans = new Float32Array(counts.length * numbers);
  counts.forEach((own, label) => {
    const k = order[label]!;
    shares[k] = own / count;
    const sums = classSums[label]!;
    for (let d = 0; d < numbers; d++)
      classMeans[k * numbers + d] = (sums[d]! / own - mean[d]!) / deviation[d]!;
  });
  return { count, numbers, mean, deviation, covariance, shares, classMeans };
}
