// learning-curve.ts: how the share of mistakes falls with the number of pictures: nested parts of a training set, and a power law through what
// was measured. Pure functions.

import type { Rng } from '../util/rng.ts';

export interface CurvePart {
  /** Places in the training set. */
  readonly rows: readonly number[];
}

/** Shares of each class that are learnt from. */
const SHARES = [0.1, 0.2, 0.35, 0.5, 0.7, 1] as const;

/**
 * Parts of growing size, each with all of the one before it, every class in each by at least one picture.
 * @param labels the labels of each picture; of several the first decides
 */
export function nestedParts(labels: readonly (readonly number[])[], rng: Rng): readonly CurvePart[] {
  const byClass = new Map<number, number[]>();
  labels.forEach(([own = -1], row) => {
    const rows = byClass.get(own);
    if (rows) rows.push(row);
    else byClass.set(own, [row]);
  });
  const shuffled = [...byClass].map(([own, rows]) => rng.fork('part', own).shuffle(rows));
  const parts = SHARES.map((share) => ({
    rows: shuffled.flatMap((rows) => rows.slice(0, Math.max(1, Math.round(share * rows.length)))).toSorted((a, b) => a - b),
  })); // prettier-ignore
  return parts.filter(({ rows }, i) => rows.length !== parts[i - 1]?.rows.length);
}

export interface MeasuredPoint {
  /** Pictures that were learnt from. */
  readonly pictures: number;
  /** Share of mistakes, 0…1. */
  readonly mistakes: number;
}

/**
 * The share of mistakes with so many pictures, by the power law a n^-b through the larger half of what was measured: its logarithms lie
 * nearly on a line (Hestness and others, 2017). Undefined where that says nothing: fewer than three points, no mistakes, or none fewer.
 */
export function expectedMistakes(points: readonly MeasuredPoint[], pictures: number): number | undefined {
  const used = points.slice(-Math.max(3, Math.ceil(points.length / 2)));
  if (used.length < 3 || used.some(({ mistakes }) => mistakes <= 0)) return undefined;
  const [x, y] = [used.map(({ pictures: n }) => Math.log(n)), used.map(({ mistakes }) => Math.log(mistakes))];
  const [meanX, meanY] = [mean(x), mean(y)];
  const slope =
    x.reduce((sum, value, i) => sum + (value - meanX) * (y[i]! - meanY), 0) /
    x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  if (!(slope < 0)) return undefined;
  // It goes on from the last point, which is known, at the slope of all.
  return used.at(-1)!.mistakes * (pictures / used.at(-1)!.pictures) ** slope;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
