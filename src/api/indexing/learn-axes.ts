// learn-axes.ts: the directions in which rows of features vary most, from rows that are taken evenly from all files: along them the graphs of an
// index look at rows. Sums are about 0 and not about the mean, because cosines are.
// Source: Halko, Martinsson and Tropp, Finding structure with randomness, 2011, algorithm 4.4.

import type { BlockProducts } from '../../engine/onnx/block-products.ts';
import type { Axes } from '../../features/index/axes.ts';
import type { ParquetThread } from '../../formats/foreign-parquet.ts';
import { scaleToUnits } from '../../util/dot.ts';
import { AppError, messageOf } from '../../util/errors.ts';
import { orthonormal } from '../../util/orthonormal.ts';
import { createRng } from '../../util/rng.ts';
import { elementCount, formatShape } from '../../util/shape.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { evenly, rowSources, type RowFile, type RowSource } from './row-sources.ts';

/** Half as many find a hundredth less (docs/search-at-size.md). */
const AXES = 256;
/** Rows of fewer numbers are looked at as they are. */
const LEAST_NUMBERS = 1.5 * AXES;
/** From fewer rows than four for each axis nothing is learnt of those to come. */
const LEAST_ROWS = 4 * AXES;
const MOST_ROWS = 8192;
/** Of the sample: 64 MB. */
const MOST_NUMBERS = 2 ** 24;
/** Files that the sample is taken from: more where these have too few rows. */
const FILES = 64;
/** Of one shard: a group of rows is decoded as a whole. */
const LEAST_GROUPS = 4;
/** How often the directions are turned towards those in which the rows vary most. */
const TURNS = 3;

interface Sampling {
  readonly files: readonly RowFile[];
  readonly thread: ParquetThread;
  readonly work: Work;
}

/**
 * Undefined where rows are too short, too few or too much alike for it.
 * @param first whose shape the rows have. @throws AppError FILE_INVALID, ENGINE_UNAVAILABLE, OUT_OF_MEMORY, INTERRUPTED
 */
export async function learntAxes(
  first: Pick<RowSource, 'rowShape'>,
  sampling: Sampling,
  open: (numbers: number) => Promise<BlockProducts>,
): Promise<Axes | undefined> {
  const numbers = elementCount(first.rowShape);
  const most = Math.min(MOST_ROWS, Math.floor(MOST_NUMBERS / numbers));
  if (numbers <= LEAST_NUMBERS || most < LEAST_ROWS) return undefined;
  const sample = await sampledRows(first, most, sampling);
  if (sample.length < LEAST_ROWS * numbers) return undefined;
  scaleToUnits(sample, numbers);
  const rng = createRng(0);
  let axes: Float64Array = Float64Array.from({ length: AXES * numbers }, () => rng.normal());
  const products = await open(numbers);
  for (let turn = 0; turn < TURNS; turn++) {
    throwIfAborted(sampling.work);
    const along = await projected(products, sample, { count: AXES, matrix: Float32Array.from(axes) });
    axes = orthonormal(Float64Array.from(await products.weighted(along, sample)), numbers);
    // A sample that varies in fewer directions, as of pictures that were repeated, says nothing of other rows.
    if (axes.length < AXES * numbers) return undefined;
  }
  return { count: AXES, matrix: Float32Array.from(axes) };
}

/** Rows on the axes, `[N, numbers]` -> `[N, count]`. @throws AppError OUT_OF_MEMORY */
export async function projected(
  products: BlockProducts,
  rows: Float32Array,
  { count, matrix }: Axes,
): Promise<Float32Array> {
  const numbers = matrix.length / count;
  const asTheyAre = { mean: new Float32Array(numbers), scale: new Float32Array(numbers).fill(1) };
  try {
    return await products.logits(rows, asTheyAre, { kernel: matrix, bias: new Float32Array(count) });
  } catch (error) {
    throw new AppError('OUT_OF_MEMORY', `onnxruntime cannot project ${rows.length / numbers} rows: ${messageOf(error)}; where memory is short, end other programs and try again`, { cause: error }); // prettier-ignore
  }
}

/**
 * Rows of numbers, of each file as many as it has of all rows. Files with rows of another shape are left out: they are refused when their turn comes.
 * @param most rows, if there are so many. @throws AppError FILE_INVALID, INTERRUPTED
 */
export async function sampledRows(
  { rowShape }: Pick<RowSource, 'rowShape'>,
  most: number,
  { files, thread, work }: Sampling,
): Promise<Float32Array> {
  const numbers = elementCount(rowShape);
  const isAlike = (source: RowSource) => formatShape(source.rowShape) === formatShape(rowShape);
  let chosen: readonly RowFile[] = [];
  let total = 0;
  const told = (what: string, done: number) => {
    throwIfAborted(work);
    work.progress({ task: 'verify', done, total: chosen.length, text: `a sample of the rows, ${what}: ${done} of ${chosen.length} files` }); // prettier-ignore
  };
  for (let count = FILES; total < most && chosen.length < files.length; count *= 8) {
    chosen = evenly(files.length, count).map((at) => files[at]!);
    let done = 0;
    total = 0;
    for await (const source of rowSources(chosen, thread)) {
      told('counted', ++done);
      if (isAlike(source)) total += source.rows;
    }
  }
  const sample = new Float32Array(Math.min(most, total) * numbers);
  const share = Math.min(1, most / total);
  const groups = Math.max(LEAST_GROUPS, Math.ceil(FILES / chosen.length));
  let [length, done, before] = [0, 0, 0];
  for await (const source of rowSources(chosen, thread)) {
    told('read', ++done);
    if (!isAlike(source)) continue;
    const wanted = Math.floor((before + source.rows) * share) - Math.floor(before * share);
    before += source.rows;
    const rows = await source.some(wanted, groups);
    for (let row = 0; row < rows.length && length < sample.length; row += numbers) {
      const vector = rows.subarray(row, row + numbers);
      if (!vector.every(Number.isFinite)) continue;
      sample.set(vector, length);
      length += numbers;
    }
  }
  return sample.subarray(0, length);
}
