// learn-novelty.ts: finds out what is usual among pictures of known classes, so that others can be told from them. Opens no picture.

import { float16ToFloat32, float32ToFloat16 } from '../util/float16.ts';
import { noveltyScore, type Novelty } from '../util/novelty.ts';
import { gathered } from './head-stage.ts';
import { chosenWeight, outOfFold, unitRows, usualOf, valuesOf, type NoveltyJob } from './novelty-values.ts';

export interface LearntNovelty {
  readonly novelty: Novelty;
  /** How well pictures of classes that are left out are told from others, 0…1; absent with too few classes. */
  readonly auroc?: number;
}

/** Bytes that the kept features take in a model's folder, as float16; more only where each class has one row. */
const MAX_ROWS_BYTES = 4_000_000;

/** Scores of known pictures that are kept. */
const MAX_KNOWN = 1000;

/** How much the distance counts where too few classes are there to choose by. */
const USUAL_WEIGHT = 0.75;

/** With fewer validation pictures the share of known pictures that keep their answer would be off by more than two points. */
const ENOUGH_KNOWN = 400;

/** @throws AppError INTERRUPTED */
export async function learnNovelty(job: NoveltyJob): Promise<LearntNovelty> {
  const { train, val, logits, numbers, classes } = job;
  const most = Math.max(classes, Math.floor(MAX_ROWS_BYTES / (2 * numbers)));
  const kept = gathered(train.rows, numbers, evenly(train.labels, classes, most)).data;
  // As they will be read again.
  const rows = float16ToFloat32(float32ToFloat16(unitRows(kept, numbers)));
  const chosen = await chosenWeight(job);
  const measured =
    job.isFrozen && val.labels.length < ENOUGH_KNOWN
      ? await outOfFold(job)
      : valuesOf(logits, val.rows, rows, job);
  const measure = { ...usualOf(measured), weight: chosen?.weight ?? USUAL_WEIGHT };
  const scores = Float64Array.from(measured, (values) => noveltyScore(values, measure)).sort();
  return {
    novelty: { rows, numbers, ...measure, known: spaced(scores) },
    ...(chosen && { auroc: chosen.auroc }),
  };
}

/** Numbers of at most `most` rows, as many of each class, spread over its pictures. @param most at least one a class */
export function evenly(
  labels: readonly (readonly number[])[],
  classes: number,
  most: number,
): readonly number[] {
  if (labels.length <= most) return [...labels.keys()];
  const each = Math.floor(most / classes);
  const own = Array.from({ length: classes }, (): number[] => []);
  labels.forEach(([label], row) => own[label!]!.push(row));
  const chosen = own.flatMap((rows) =>
    rows.length <= each
      ? rows
      : Array.from({ length: each }, (_, i) => rows[Math.floor((i * rows.length) / each)]!),
  );
  return chosen.sort((a, b) => a - b);
}

/** The smallest, the largest, and what lies between in equal steps. */
function spaced(sorted: Float64Array): Float64Array {
  if (sorted.length <= MAX_KNOWN) return sorted;
  const last = sorted.length - 1;
  return Float64Array.from(
    { length: MAX_KNOWN },
    (_, i) => sorted[Math.round((i * last) / (MAX_KNOWN - 1))]!,
  );
}
