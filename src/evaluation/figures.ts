// figures.ts: all figures of one evaluation, from scores and truth. Puts metrics together; runs no network.

import {
  bestTemperature, calibrationBins, calibrationError, classFigures, confusionOf, crossEntropy, macroF1, mostConfused,
  predictions, rowLosses, topHits, wilson, type CalibrationBin, type ClassFigures, type ConfusedPair, type Interval,
  type Scored,
} from './metrics.ts'; // prettier-ignore
import {
  averagePrecision,
  bestThresholds,
  meanAveragePrecision,
  multiFigures,
  type MultiScored,
} from './multi-label-metrics.ts';

interface Share extends Interval {
  readonly value: number;
}

export interface SingleLabelFigures {
  readonly samples: number;
  readonly top1: Share;
  readonly top5: Share;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  readonly macroF1: number;
  readonly ece: number;
  readonly bins: readonly CalibrationBin[];
  /** The number to divide logits by so that confidence matches accuracy, and the calibration error that is left then. */
  readonly temperature: number;
  readonly calibratedEce: number;
  /** The model's class numbers that the next three fields are about, in order. */
  readonly shown: readonly number[];
  readonly perClass: readonly ClassFigures[];
  readonly confusion: readonly (readonly number[])[];
  readonly confused: readonly ConfusedPair[];
  /** For each row: its true class, the predicted class, how sure the prediction is, and the loss. */
  readonly rows: readonly {
    readonly truth: number;
    readonly predicted: number;
    readonly probability: number;
    readonly loss: number;
  }[];
}

const CONFUSED_PAIRS = 20;

/** @param shown classes to be listed: all, or those that occur in truth or prediction */
export function singleLabelFigures(scored: Scored, shown: 'all' | 'occurring'): SingleLabelFigures {
  const { truth, classes } = scored;
  const samples = truth.length;
  const said = predictions(scored);
  const matrix = confusionOf(truth, said, classes);
  const occurring = new Set([...Array.from(truth), ...said]);
  const places = Array.from({ length: classes }, (_, k) => k).filter(
    (k) => shown === 'all' || occurring.has(k),
  );
  const figures = classFigures(matrix);
  const bins = calibrationBins(scored);
  const temperature = bestTemperature(scored);
  const losses = rowLosses(scored);
  const sureness = rowLosses({ ...scored, truth: said });
  const share = (k: number): Share => {
    const hits = topHits(scored, k);
    return { value: hits / samples, ...wilson(hits, samples) };
  };
  return {
    samples,
    top1: share(1),
    top5: share(5),
    loss: crossEntropy(scored),
    macroF1: macroF1(matrix),
    ece: calibrationError(bins),
    bins,
    temperature,
    calibratedEce: calibrationError(calibrationBins(scored, temperature)),
    shown: places,
    perClass: places.map((k) => figures[k]!),
    confusion: places.map((k) => places.map((other) => matrix[k]![other]!)),
    confused: mostConfused(matrix, CONFUSED_PAIRS),
    rows: Array.from(truth, (own, i) => ({
      truth: own,
      predicted: said[i]!,
      probability: Math.exp(-sureness[i]!),
      loss: losses[i]!,
    })),
  };
}

export interface MultiLabelFigures {
  readonly samples: number;
  readonly meanAveragePrecision: number;
  /** Mean binary cross-entropy, in nats. */
  readonly loss: number;
  /** At a threshold of 0.5. */
  readonly macroF1: number;
  readonly microF1: number;
  readonly perClass: readonly (ClassFigures & {
    readonly averagePrecision: number | undefined;
    readonly threshold: number;
  })[];
  readonly rows: readonly { readonly loss: number }[];
}

/** Probabilities are raised to at least this; otherwise a single one could make the loss infinite. */
const SUREST = 1e-7;

export function multiLabelFigures(scored: MultiScored): MultiLabelFigures {
  const { scores, classes, truth } = scored;
  const { perClass, macroF1, microF1 } = multiFigures(scored, 0.5);
  const thresholds = bestThresholds(scored);
  const rows = Array.from({ length: scores.length / classes }, (_, row) => {
    let loss = 0;
    for (let i = row * classes; i < (row + 1) * classes; i++) {
      loss -= Math.log(Math.max(SUREST, truth[i] === 1 ? scores[i]! : 1 - scores[i]!));
    }
    return { loss: loss / classes };
  });
  return {
    samples: rows.length,
    meanAveragePrecision: meanAveragePrecision(scored),
    loss: rows.reduce((sum, { loss }) => sum + loss, 0) / rows.length,
    macroF1,
    microF1,
    perClass: perClass.map((figures, k) => ({
      ...figures,
      averagePrecision: averagePrecision(scored, k),
      threshold: thresholds[k]!,
    })),
    rows,
  };
}
