// run-page.ts: a training run as one HTML page: learning curves, final quality and mistakes. Strings in, HTML out.

import { lineChart, type Curve } from './charts.ts';
import { EVALUATION_STYLE, evaluationSections } from './evaluation-page.ts';
import { headline, type EvaluationReport } from './evaluation.ts';
import { htmlPage, isolated } from './page.ts';
import {
  charts, contactSheet, footer, heading, htmlTable, largeFigures, section, type Chart, type Made, type Tile,
} from './parts.ts'; // prettier-ignore

/** An epoch of stage 2; epoch 0 is the head alone. */
export interface CurvePoint {
  readonly epoch: number;
  readonly rate: number;
  readonly trainLoss: number;
  readonly loss: number;
  /** Shares. */
  readonly trainAccuracy?: number;
  readonly score: number;
}

export interface RunPageContent {
  readonly report: EvaluationReport;
  readonly points: readonly CurvePoint[];
  /** The epoch whose weights were kept. */
  readonly bestEpoch: number;
  /** Epochs of stage 1, where it had several. */
  readonly head: readonly CurvePoint[];
  /** Absent where there are no pictures to show. */
  readonly worst?: readonly Tile[];
  readonly samples: readonly Tile[];
  /** Names and values of the settings in effect, in words. */
  readonly settings: readonly (readonly [string, string])[];
  readonly about: string;
  readonly made: Made;
}

export function runPage(content: RunPageContent): string {
  const { report, points, bestEpoch, head, worst, samples, settings, about, made } = content;
  const kept = bestEpoch === 0 ? 'the head' : `epoch ${bestEpoch}`;
  const parts = [
    heading(isolated(report.model), about),
    largeFigures([
      ...headline(report),
      ['kept', kept, bestEpoch === 0 ? 'alone: the best by validation' : 'the best by validation'],
    ]),
    section(
      'Learning curves',
      charts([...headCurves(head), ...curves(points, report.kind)]),
      'None: the head alone was trained.',
    ),
    ...evaluationSections(report, worst),
    section('Sample pictures', contactSheet(samples)),
    section('Settings', htmlTable([['setting', 'value'], ...settings])),
    footer(made),
  ];
  return htmlPage(isolated(report.model), EVALUATION_STYLE, parts.filter((text) => text !== '').join('\n'));
}

const STAGE_TWO = 'epoch of stage 2 (0: the head alone)';

function headCurves(head: readonly CurvePoint[]): readonly Chart[] {
  if (head.length < 2) return [];
  return [{ caption: 'Loss of the head', svg: lossChart(head, 'epoch of stage 1') }];
}

function curves(points: readonly CurvePoint[], kind: EvaluationReport['kind']): readonly Chart[] {
  if (points.length < 2) return [];
  const scores: Curve[] = [
    curve('validation', points, ({ score }) => score * 100),
    curve('training', points, ({ trainAccuracy = NaN }) => trainAccuracy * 100),
  ];
  const told = scores.filter((line) => line.points.some(([, value]) => Number.isFinite(value)));
  const rates = points.filter(({ epoch }) => epoch > 0);
  const score = kind === 'multi' ? 'Mean average precision' : 'Accuracy';
  return [
    { caption: 'Loss', svg: lossChart(points, STAGE_TWO) },
    {
      caption: score,
      svg: lineChart(told, { title: score, xName: STAGE_TWO, format: (value) => `${value} %`, most: 100 }),
    },
    {
      caption: 'Learning rate',
      svg: lineChart([curve('rate', rates, ({ rate }) => rate)], { title: 'learning rate', xName: 'epoch of stage 2' }),
    },
  ]; // prettier-ignore
}

function lossChart(points: readonly CurvePoint[], xName: string): string {
  const lines = [
    curve('validation', points, ({ loss }) => loss),
    curve('training', points, ({ trainLoss }) => trainLoss),
  ];
  return lineChart(lines, { title: 'loss', xName });
}

function curve(name: string, points: readonly CurvePoint[], value: (point: CurvePoint) => number): Curve {
  return { name, points: points.map((point) => [point.epoch, value(point)] as const) };
}
