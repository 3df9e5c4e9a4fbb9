// evaluation-page.ts: the figures of one evaluation as one HTML page.

import { heatMap, reliabilityDiagram } from './charts.ts';
import { classTable, headline, type EvaluationReport } from './evaluation.ts';
import { htmlPage } from './page.ts';
import { contactSheet, heading, htmlTable, largeFigures, PARTS_STYLE, section, type Tile } from './parts.ts';

/** @param worst the worst mistakes, worst first */
export function evaluationPage(report: EvaluationReport, worst: readonly Tile[]): string {
  const { model, dataset, part, samples, device } = report;
  const title = `${model} on ${dataset}`;
  const parts = [
    heading(title, `${samples} pictures (${part}), ${report.perClass.length} classes, ${device}`),
    largeFigures(headline(report)),
    ...evaluationSections(report, worst),
  ];
  return htmlPage(title, PARTS_STYLE, parts.filter((text) => text !== '').join('\n'));
}

/** All sections except the headline. */
export function evaluationSections(report: EvaluationReport, worst: readonly Tile[]): readonly string[] {
  return [
    ...(report.kind === 'single'
      ? [
          section(
            'Confusion matrix',
            heatMap(
              report.confusion,
              report.perClass.map((row) => row.class),
            ),
          ),
          section('Most confused', confusedTable(report.confused)),
          section('Calibration', reliabilityDiagram(report.bins)),
        ]
      : []),
    section('Worst cases', contactSheet(worst)),
    section('Classes', htmlTable(classTable(report))),
    section(
      'Left out',
      htmlTable([['file', 'why'], ...report.failed.map(({ file, error }) => [file, error.message])]),
    ),
  ];
}

function confusedTable(
  pairs: readonly { readonly truth: string; readonly predicted: string; readonly count: number }[],
): string {
  return htmlTable([
    ['is', 'taken for', 'times'],
    ...pairs.map(({ truth, predicted, count }) => [truth, predicted, `${count}`]),
  ]);
}
