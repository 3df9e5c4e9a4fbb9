// head.ts: the head itself: one pass that adds the rows up, and then either the head in closed form or passes until it has converged.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TrainSettings } from '../../../config/finetune-settings.ts';
import { convergedFlags, methodOf } from '../../../config/learn-shards.ts';
import { list } from '../../../dataset/dataset.ts';
import type { BlockProducts } from '../../../engine/onnx/block-products.ts';
import type { ParquetThread } from '../../../formats/foreign-parquet.ts';
import { readDescent, saveDescent, type HeadPaths } from '../../../run/head-checkpoint.ts';
import { closedHead } from '../../../train/closed-head.ts';
import { momentsOf, type Moments } from '../../../train/feature-sums.ts';
import type { Descent } from '../../../train/lbfgs.ts';
import type { RowStream } from '../../../train/row-stream.ts';
import type { Pause } from '../../../train/spd-inverse.ts';
import { trainStreamedHead } from '../../../train/streamed-head.ts';
import { AppError } from '../../../util/errors.ts';
import { byCodePoint } from '../../../util/order.ts';
import { throwIfAborted, type Work } from '../../work.ts';
import { judgingShare } from './divided-rows.ts';
import { firstPass, judgedStream, trainStream, type FirstPass, type PassJob } from './first-pass.ts';
import type { HeadRequest } from './head-run.ts';
import type { ShardSet } from './shard-set.ts';

export interface HeadJob {
  readonly request: HeadRequest;
  readonly settings: TrainSettings;
  readonly set: ShardSet;
  /** In a row. */
  readonly numbers: number;
  readonly thread: ParquetThread;
  readonly products: BlockProducts;
  /** By the names of pictures; absent: the shards say the classes. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  readonly paths: HeadPaths;
  /** On the clock of `performance.now()`. */
  readonly began: number;
}

export interface LearntHead {
  /** For standardised rows: the kernel by class `[K,D]`, then the bias `[K]`. */
  readonly point: Float64Array;
  readonly moments: Moments;
  readonly classes: readonly string[];
  readonly judged: RowStream;
  /** What the rows that judge are of, in their order. */
  readonly files: readonly string[];
  readonly trainCount: number;
  /** How it was learnt, for people. */
  readonly how: string;
  /** Of the descent; 1 in closed form. */
  readonly steps: number;
  /** Mean over the rows that were learnt from; NaN in closed form, which does not look at it. */
  readonly trainLoss: number;
  /** Of earlier processes. */
  readonly secondsBefore: number;
}

/** Above this many products in one pass, converging takes hours on a few cores, and with so many rows or classes gains little. */
const MAX_PRODUCTS = 1e12;

/** @throws AppError DATASET_INVALID where nothing can be learnt; FILE_INVALID, WRITE_FAILED, INTERRUPTED */
export async function headOf(job: HeadJob, work: Work): Promise<LearntHead> {
  const { request, settings, set, numbers, labels, products, paths } = job;
  const asked = methodOf(request.flags);
  const goesOn = (rows: number, classes: number) =>
    asked === 'converged' || (asked === 'auto' && rows * numbers * classes <= MAX_PRODUCTS);
  const division = {
    share: judgingShare(settings.valSplit, { rows: set.rows, labels: labels?.size }),
    classOf: labels ? (file: string) => labels.get(file) : (_: string, name: string) => name || undefined,
  };
  const passJob: PassJob = { ...job, division, goesOn };
  const first = await firstPass(passJob, work);
  const { classes, order } = classesOf(first, job);
  const { judged: files, unlabelled } = first.record;
  if (unlabelled > 0) work.note(`left out: ${unlabelled} rows without a class`);
  const moments = momentsOf(first.sums, order);
  const judged = judgedStream(passJob, first, order);
  const trainCount = moments.count;
  work.note(`${trainCount} rows to learn from, ${files.length} to judge by, ${classes.length} classes`);
  const weights = weightsOf(moments, settings);
  const common = { moments, classes, judged, files, trainCount };
  if (!goesOn(trainCount, classes.length)) {
    const unused = convergedFlags(request.flags);
    if (unused.length > 0) work.note(`${unused.join(', ')}: without effect in the closed form, which --method auto takes for so many rows and classes`); // prettier-ignore
    const { point, ridge } = await closedHead({
      moments,
      products,
      judged,
      weights,
      onTry: (tried, total) => work.progress({ task: 'head', done: tried, total, text: `head: ridge ${tried + 1} of ${total}` }), // prettier-ignore
      pause: pauseOf(work),
    });
    return { ...common, point, how: `in closed form, ridge ${ridge.toPrecision(2)}`, steps: 1, trainLoss: NaN, secondsBefore: 0 }; // prettier-ignore
  }
  const rows = trainStream(passJob, first, order);
  const { labelSmoothing: smooth, head } = settings;
  const c = head.c as number;
  const size = (numbers + 1) * classes.length;
  const former = await readDescent(paths, size);
  const keeper = descentKeeper(paths, () => (former?.seconds ?? 0) + (performance.now() - job.began) / 1000);
  let steps = former?.descent.iterations ?? 0;
  const found = await trainStreamedHead(
    {
      rows,
      moments,
      products,
      c,
      loss: { own: 1 - smooth, every: smooth / classes.length, weights },
      signal: work.signal,
      onBlock: (done) => work.progress({ task: 'head', done, total: rows.count, text: `head: step ${steps + 1}, ${done} of ${rows.count} rows` }), // prettier-ignore
    },
    {
      maxIterations: head.epochs,
      from: former?.descent,
      async onIteration(descent) {
        steps = descent.iterations;
        await keeper.keep(descent);
      },
    },
  ).catch(async (error: unknown) => {
    await keeper.last();
    throw error;
  });
  const { point, value, iterations } = found;
  const squares = point.subarray(0, -classes.length).reduce((sum, x) => sum + x * x, 0);
  return {
    ...common,
    point,
    how: `${iterations} ${iterations === 1 ? 'step' : 'steps'} of the descent, C ${c}`,
    steps: iterations,
    trainLoss: value - squares / (2 * c * trainCount),
    secondsBefore: former?.seconds ?? 0,
  };
}

/** The names in order, and which number each of those of the first pass gets. @throws AppError DATASET_INVALID */
function classesOf({ record }: FirstPass, { request: { folder, flags } }: HeadJob) {
  const { classes: appeared, judged, counts } = record;
  const classes = appeared.toSorted(byCodePoint);
  const invalid = (problem: string, next: string) =>
    new AppError('DATASET_INVALID', `${folder} ${problem}; ${next}`);
  if (classes.length === 0) {
    throw flags.labelsFrom === undefined
      ? invalid('has no classes: its pictures came from no class folders', 'say what they are: --labels-from FILE.csv with the columns key and label') // prettier-ignore
      : invalid(`has no picture that ${flags.labelsFrom} names`, 'its column key has to be the column file of the shards'); // prettier-ignore
  }
  if (classes.length === 1) throw invalid(`has one class only, ${list(classes)}`, 'expected at least two');
  if (judged.length === 0) {
    throw invalid(`has no row to judge by, of ${counts.reduce((a, b) => a + b, 0)}`, 'give a larger --val-split, or more rows'); // prettier-ignore
  }
  const numbers = new Map(classes.map((name, k) => [name, k]));
  return { classes, order: Int32Array.from(appeared, (name) => numbers.get(name)!) };
}

/** What each class counts: all alike, or rare ones more. */
function weightsOf({ shares }: Moments, { classWeights }: TrainSettings): Float32Array {
  return Float32Array.from(shares, (share) => (classWeights ? 1 / (shares.length * share) : 1));
}

/** How long nothing else has its turn, in milliseconds: a signal is heard so late. */
const TURN_MS = 100;

function pauseOf(work: Work): Pause {
  let last = performance.now();
  return async () => {
    if (performance.now() - last > TURN_MS) {
      await nextTurn();
      last = performance.now();
    }
    throwIfAborted(work);
  };
}

/** Writing where it stands takes a second or less; passes that are shorter are not worth one each. */
const SAVE_AFTER_MS = 10_000;

function descentKeeper(paths: HeadPaths, seconds: () => number) {
  let latest: Descent | undefined;
  let saved = performance.now();
  const save = async () => {
    if (latest) await saveDescent(paths, latest, seconds());
    latest = undefined;
    saved = performance.now();
  };
  return {
    async keep(descent: Descent) {
      latest = descent;
      if (performance.now() - saved > SAVE_AFTER_MS) await save();
    },
    /** What is not saved yet. */
    last: save,
  };
}
