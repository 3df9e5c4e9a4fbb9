// metrics-file.ts: metrics.csv: one row for each epoch of both stages. Written whole each time, so that an interrupted run
// has the same bytes as one that was not; there is no time in it for that reason.

import { stringify } from 'csv-stringify/sync';
import type { EpochRow } from '../train/stage-two.ts';

/** Only the digits that are meaningful in float32 arithmetic. */
const number = (value: number | undefined) => (value === undefined ? '' : `${Number(value.toPrecision(7))}`);

const COMMON = {
  stage: ({ stage }: EpochRow) => stage,
  epoch: ({ epoch }: EpochRow) => `${epoch}`,
  learning_rate: ({ rate }: EpochRow) => number(rate),
  train_loss: ({ trainLoss }: EpochRow) => number(trainLoss),
} as const;

const ONE_LABEL = {
  ...COMMON,
  train_accuracy: ({ trainAccuracy }: EpochRow) => number(trainAccuracy),
  val_loss: ({ loss }: EpochRow) => number(loss),
  val_top1: ({ top1 }: EpochRow) => number(top1),
  val_top5: ({ top5 }: EpochRow) => number(top5),
} as const;

const SEVERAL_LABELS = {
  ...COMMON,
  val_loss: ({ loss }: EpochRow) => number(loss),
  val_mean_average_precision: ({ score }: EpochRow) => number(score),
} as const;

export function metricsCsv(rows: readonly EpochRow[], multiLabel: boolean): string {
  const columns = multiLabel ? SEVERAL_LABELS : ONE_LABEL;
  return stringify([
    Object.keys(columns),
    ...rows.map((row) => Object.values(columns).map((cell) => cell(row))),
  ]);
}
