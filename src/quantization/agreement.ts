// agreement.ts: how far the answers of a network in bytes are from its own. Pure functions on rows of scores.

type Rows = readonly Float32Array[];

export interface Agreement {
  /** Share of the pictures with the same most probable class, 0…1. */
  readonly top1: number;
  /** Mean square of the differences of scores, as a share of the scores' own variance. */
  readonly error: number;
}

/** @param exact, other scores of the same pictures, one row each */
export function agreementOf(exact: Rows, other: Rows): Agreement {
  let [same, error, variance] = [0, 0, 0];
  for (const [i, row] of exact.entries()) {
    const answer = other[i]!;
    if (mostProbable(row) === mostProbable(answer)) same += 1;
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
    for (const [k, x] of row.entries()) {
      error += (x - answer[k]!) ** 2;
      variance += (x - mean) ** 2;
    }
  }
  return { top1: same / exact.length, error: error / (variance || 1) };
}

/** Share of the rows whose most probable class is the right one. */
export function top1Of(rows: Rows, truth: readonly number[]): number {
  return rows.filter((row, i) => mostProbable(row) === truth[i]).length / rows.length;
}

/** Of several classes with the same score the first. */
function mostProbable(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}

/** Bytes are adopted only where so many pictures get the same class, 0…1. */
const LEAST_AGREEMENT = 0.97;

/** Why a network stays in float32; undefined where bytes are faster and agree. */
export function refusalOf({
  agreement,
  speed,
}: {
  readonly agreement: number;
  readonly speed: { readonly one: number; readonly batch: number };
}): string | undefined {
  if (agreement < LEAST_AGREEMENT) {
    return `only ${percent(agreement)} of the pictures get the same class with 8 bits, and ${percent(LEAST_AGREEMENT)} have to`;
  }
  if (Math.min(speed.one, speed.batch) > 1) return undefined;
  return `8 bits are ${speed.one.toFixed(2)} times as fast here for one picture and ${speed.batch.toFixed(2)} times for a batch, and both have to be above 1`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
