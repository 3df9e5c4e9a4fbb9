// run-page.ts: a training run as one HTML page: learning curves, final quality and mistakes. Strings in, HTML out.

import { lineChart, type Curve } from './charts.ts';
import { evaluationSections } from './evaluation-page.ts';
import { headline, type EvaluationReport } from './evaluation.ts';
import { htmlPage } from './page.ts';
import { contactSheet, heading, htmlTable, largeFigures, PARTS_STYLE, section, type Tile } from './parts.ts';

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
  readonly worst: readonly Tile[];
  readonly samples: readonly Tile[];
  /** Names and values of the settings that were asked for. */
  readonly settings: readonly (readonly [string, string])[];
  readonly about: string;
}

export function runPage(content: RunPageContent): string {
  const { report, points, bestEpoch, head, worst, samples, settings, about } = content;
  const kept = bestEpoch === 0 ? 'the head' : `epoch ${bestEpoch}`;
  const parts = [
    heading(report.model, about),
    largeFigures([
      ...headline(report),
      ['kept', kept, bestEpoch === 0 ? 'alone: the best by validation' : 'the best by validation'],
    ]),
    ...curves(points, 'epoch of stage 2 (0: the head alone)'),
    ...(head.length > 1 ? [section('Stage 1: loss', lossChart(head, 'epoch of stage 1'))] : []),
    ...evaluationSections(report, worst),
    section('Sample pictures', contactSheet(samples)),
    section('Settings', htmlTable([['setting', 'value'], ...settings])),
  ];
  return htmlPage(report.model, PARTS_STYLE, parts.filter((text) => text !== '').join('\n'));
}

function curves(points: readonly CurvePoint[], xName: string): readonly string[] {
  if (points.length < 2) return [];
  const accuracy: Curve[] = [
    curve('validation', points, ({ score }) => score * 100),
    curve('training', points, ({ trainAccuracy = NaN }) => trainAccuracy * 100),
  ];
  const told = accuracy.filter((line) => line.points.some(([, value]) => Number.isFinite(value)));
  const rates = points.filter(({ epoch }) => epoch > 0);
  return [
    section('Loss', lossChart(points, xName)),
    section('Accuracy', lineChart(told, { title: 'accuracy', xName, format: (value) => `${value} %` })),
    section(
      'Learning rate',
      lineChart([curve('rate', rates, ({ rate }) => rate)], { title: 'learning rate', xName }),
    ),
  ];
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
