// novelty-values.ts: the doubt and the distance of pictures, what is usual among them, and how much the distance counts: as much as
// tells classes that are left out best from the rest. Heads are learnt on features; no picture is opened.

import type { Engine } from '../engine/engine.ts';
import { auroc } from '../evaluation/auroc.ts';
import { normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { distanceOf, doubtOf, noveltyScore, type Novelty, type Usual } from '../util/novelty.ts';
import type { Rng } from '../util/rng.ts';
import { applyHead, someOf, type FeatureSet } from './head-stage.ts';
import { trainLinearHead } from './linear-head.ts';
import { measuredTemperature } from './temperature.ts';

export interface NoveltyJob {
  readonly engine: Engine;
  /** Pictures that were learnt from, a row each, with one label. */
  readonly train: FeatureSet;
  /** Pictures that were not. */
  readonly val: FeatureSet;
  /** Logits `[N, classes]` of `val`, by the network that is kept. */
  readonly logits: Float32Array;
  /** Whether the features are of a network that has seen none of these pictures, so that heads on them can be tried on any. */
  readonly isFrozen: boolean;
  readonly numbers: number;
  readonly classes: number;
  /** It is only forked. */
  readonly rng: Rng;
  readonly signal?: AbortSignal;
}

export interface NoveltyValues {
  readonly doubt: number;
  readonly distance: number;
}

/** @param logits `[N, classes]` @param rows `[N, numbers]` @param neighbours what they are compared with, of length 1 */
export function valuesOf(
  logits: Float32Array,
  rows: Float32Array,
  neighbours: Float32Array,
  { numbers, classes }: Pick<NoveltyJob, 'numbers' | 'classes'>,
): readonly NoveltyValues[] {
  return Array.from({ length: logits.length / classes }, (_, i) => ({
    doubt: doubtOf(logits.subarray(i * classes, (i + 1) * classes)),
    distance: distanceOf(normalized(rows.subarray(i * numbers, (i + 1) * numbers)), neighbours),
  }));
}

export function usualOf(values: readonly NoveltyValues[]): Pick<Novelty, 'doubt' | 'distance'> {
  return {
    doubt: usual(values.map(({ doubt }) => doubt)),
    distance: usual(values.map(({ distance }) => distance)),
  };
}

/** A spread of nothing would make the smallest difference endless. */
const LEAST_SPREAD = 1e-6;

function usual(values: readonly number[]): Usual {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[place]!;
  const middle = (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { middle, spread: Math.max(LEAST_SPREAD, Math.sqrt(variance)) };
}

const CALIBRATION_FOLDS = 5;

/**
 * Values of all pictures, each by a head and by neighbours that have not seen it: few pictures alone say little of how many exceed
 * a score. @throws AppError INTERRUPTED
 */
export async function outOfFold(job: NoveltyJob): Promise<readonly NoveltyValues[]> {
  const { train, val, numbers, classes, rng } = job;
  const all = joined(
    someOf(
      train,
      numbers,
      withinClasses(train.labels, () => true),
    ),
    val,
  );
  const order = [...rng.fork('novelty', 'folds').shuffle(Uint32Array.from(all.labels.keys()))];
  const logits = new Float32Array(all.labels.length * classes);
  const distances = new Float64Array(all.labels.length);
  for (let fold = 0; fold < CALIBRATION_FOLDS; fold++) {
    const isAsked = (_: number, i: number) => i % CALIBRATION_FOLDS === fold;
    const asked = order.filter(isAsked);
    const lessons = someOf(all, numbers, order.filter((row, i) => !isAsked(row, i))); // prettier-ignore
    const said = await answersTo(someOf(all, numbers, asked), lessons, job);
    said.values.forEach(({ distance }, i) => (distances[asked[i]!] = distance));
    asked.forEach((row, i) =>
      logits.set(said.logits.subarray(i * classes, (i + 1) * classes), row * classes),
    );
  }
  const truth = all.labels.map(([label]) => label!);
  const temperature = measuredTemperature({ logits, classes, truth });
  return Array.from(distances, (distance, row) => ({
    doubt: doubtOf(logits.subarray(row * classes, (row + 1) * classes).map((logit) => logit / temperature)),
    distance,
  }));
}

/** On bird classes left out and on photos of other things, 0.5 to 1 were nearly as good as the best (bench/results/after-learning.md). */
const WEIGHTS = [0.5, 0.75, 1, 1.5];

/** Of all pictures, as many as this are enough to choose a weight by. */
const [MAX_CLASSES, MAX_PER_CLASS] = [60, 40];
const FOLDS = 3;

/** Fewer rows say nothing of what is usual. */
export const LEAST_KNOWN = 10;

/**
 * The weight by which classes that a head was not taught are told best from those that it was, and how well. Undefined with fewer than
 * three classes. @throws AppError INTERRUPTED
 */
export async function chosenWeight(
  job: NoveltyJob,
): Promise<{ readonly weight: number; readonly auroc: number } | undefined> {
  const { classes, rng } = job;
  if (classes < FOLDS) return undefined;
  const order = [...rng.fork('novelty').shuffle(Uint32Array.from({ length: classes }, (_, k) => k))];
  const some = order.slice(0, MAX_CLASSES);
  const found: (readonly number[])[] = [];
  for (let fold = 0; fold < FOLDS; fold++) {
    const out = new Set(some.filter((_, i) => i % FOLDS === fold));
    const told = await toldApart(job, some.filter((k) => !out.has(k)), out); // prettier-ignore
    if (told) found.push(told);
  }
  if (found.length === 0) return undefined;
  const means = WEIGHTS.map((_, w) => found.reduce((sum, areas) => sum + areas[w]!, 0) / found.length);
  const best = means.indexOf(Math.max(...means));
  return { weight: WEIGHTS[best]!, auroc: means[best]! };
}

/** For each weight, how well classes are told that a head was not taught. */
async function toldApart(
  job: NoveltyJob,
  taught: readonly number[],
  out: ReadonlySet<number>,
): Promise<readonly number[] | undefined> {
  const { train, val, numbers } = job;
  const place = new Map(taught.map((k, i) => [k, i]));
  const isTaught = ([label]: readonly number[]) => place.has(label!);
  const lessons = someOf(train, numbers, withinClasses(train.labels, isTaught));
  const [known, others] = [withinClasses(val.labels, isTaught), withinClasses(val.labels, ([label]) => out.has(label!))]; // prettier-ignore
  if (taught.length < 2 || known.length < LEAST_KNOWN || others.length === 0) return undefined;
  const renamed = { ...lessons, labels: lessons.labels.map(([label]) => [place.get(label!)!]) };
  const { values } = await answersTo(someOf(val, numbers, [...known, ...others]), renamed, {
    ...job,
    classes: taught.length,
  });
  const [knownValues, otherValues] = [values.slice(0, known.length), values.slice(known.length)];
  const measures = usualOf(knownValues);
  return WEIGHTS.map((weight) => {
    const scores = (some: readonly NoveltyValues[]) => some.map((value) => noveltyScore(value, { ...measures, weight })); // prettier-ignore
    return auroc(scores(knownValues), scores(otherValues));
  });
}

/** What a head says that learns `lessons`, and how far from these the pictures are. */
async function answersTo(
  asked: FeatureSet,
  lessons: FeatureSet,
  { engine, numbers, classes, signal }: Pick<NoveltyJob, 'engine' | 'numbers' | 'classes' | 'signal'>,
): Promise<{ readonly logits: Float32Array; readonly values: readonly NoveltyValues[] }> {
  if (signal?.aborted) throw new AppError('INTERRUPTED', 'interrupted while the network learnt what is unknown to it'); // prettier-ignore
  const head = await trainLinearHead(
    engine,
    { rows: lessons.rows, numbers, targets: { classes: lessons.labels.map(([label]) => label!) }, classes },
    { ...(signal && { signal }) },
  );
  const logits = applyHead(head, asked);
  return { logits, values: valuesOf(logits, asked.rows, unitRows(lessons.rows, numbers), { numbers, classes }) }; // prettier-ignore
}

/** Rows whose labels are wanted, at most so many of a class. */
function withinClasses(
  labels: readonly (readonly number[])[],
  isWanted: (labels: readonly number[]) => boolean,
): readonly number[] {
  const counts = new Map<number, number>();
  return [...labels.keys()].filter((row) => {
    if (!isWanted(labels[row]!)) return false;
    const [label] = labels[row]! as readonly [number];
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    return count <= MAX_PER_CLASS;
  });
}

function joined(one: FeatureSet, other: FeatureSet): FeatureSet {
  const rows = new Float32Array(one.rows.length + other.rows.length);
  rows.set(one.rows);
  rows.set(other.rows, one.rows.length);
  return { rows, labels: [...one.labels, ...other.labels] };
}

/** The same rows, each of length 1. */
export function unitRows(rows: Float32Array, numbers: number): Float32Array {
  const units = new Float32Array(rows.length);
  for (let at = 0; at < rows.length; at += numbers)
    units.set(normalized(rows.subarray(at, at + numbers)), at);
  return units;
}
