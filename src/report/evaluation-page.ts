// evaluation-page.ts: the figures of one evaluation as one HTML page.

import { reliabilityDiagram } from './charts.ts';
import { CONFUSION_STYLE, confusionMatrix, MAX_MATRIX_CLASSES } from './confusion.ts';
import { classTable, headline, type EvaluationReport } from './evaluation.ts';
import { htmlPage, isolated } from './page.ts';
import {
  charts, contactSheet, footer, heading, htmlTable, largeFigures, PARTS_STYLE, section, type Made, type Tile,
} from './parts.ts'; // prettier-ignore

/** CSS of a page with `evaluationSections`. */
export const EVALUATION_STYLE = `${PARTS_STYLE}\n${CONFUSION_STYLE}`;

/** @param worst the worst mistakes, worst first */
export function evaluationPage(report: EvaluationReport, worst: readonly Tile[], made: Made): string {
  const { model, dataset, part, samples, device } = report;
  const title = `${isolated(model)} on ${isolated(dataset)}`;
  const parts = [
    heading(title, `${samples} pictures (${part}), ${report.perClass.length} classes, ${device}`),
    largeFigures(headline(report)),
    ...evaluationSections(report, worst),
    footer(made),
  ];
  return htmlPage(title, EVALUATION_STYLE, parts.join('\n'));
}

/** All sections except the headline. @param worst undefined where there are no pictures to read and show, but rows made of them */
export function evaluationSections(
  report: EvaluationReport,
  worst: readonly Tile[] | undefined,
): readonly string[] {
  const single = report.kind === 'single' ? singleLabelSections(report) : [];
  const classes = section('Classes, worst first', htmlTable(classTable(worstFirst(report))));
  if (!worst) return [...single, classes];
  return [
    ...single,
    section('Worst mistakes', contactSheet(worst), 'None: every picture was answered rightly.'),
    classes,
    section(
      'Left out',
      htmlTable([['file', 'why'], ...report.failed.map(({ file, error }) => [file, error.message])]),
      'Nothing: every picture could be read.',
    ),
  ];
}

function singleLabelSections(
  report: Extract<EvaluationReport, { readonly kind: 'single' }>,
): readonly string[] {
  const reliability = {
    caption: 'Where a bar ends at the dashed line, the network is right as often as it says.',
    svg: reliabilityDiagram(report.bins),
  };
  return [
    section('Confusion matrix', matrixHtml(report)),
    section('Most confused', confusedTable(report), 'Nothing: every picture was answered rightly.'),
    section('Calibration', charts([reliability])),
  ];
}

function matrixHtml({ confusion, perClass }: Extract<EvaluationReport, { readonly kind: 'single' }>): string {
  const drawing = confusionMatrix(
    confusion,
    perClass.map((row) => row.class),
  );
  const count = perClass.length;
  if (drawing === undefined) {
    return `<p class="none">${count} classes are more than a drawing can show (${MAX_MATRIX_CLASSES}); the largest mistakes are listed below.</p>`;
  }
  // Shown where the drawing has numbers in the place of names.
  const hint = `<p class="hint number">Class numbers are in the model's order. Red cells are mistakes; the largest are listed below.</p>`;
  return drawing.includes('class="axis number') ? `${drawing}${hint}` : drawing;
}

/** A class that no picture has says nothing of the network: it comes last. */
function worstFirst(report: EvaluationReport): EvaluationReport {
  const order = <Row extends { readonly samples: number; readonly f1: number }>(rows: readonly Row[]) =>
    rows.toSorted((a, b) => Number(a.samples === 0) - Number(b.samples === 0) || a.f1 - b.f1);
  return report.kind === 'single'
    ? { ...report, perClass: order(report.perClass) }
    : { ...report, perClass: order(report.perClass) };
}

function confusedTable({
  confused,
  perClass,
}: Extract<EvaluationReport, { readonly kind: 'single' }>): string {
  const samples = new Map(perClass.map((row) => [row.class, row.samples]));
  return htmlTable([
    ['is', 'taken for', 'times', 'of'],
    ...confused.map(({ truth, predicted, count }) => [
      truth, predicted, `${count}`, `${samples.get(truth) ?? ''}`,
    ]),
  ]); // prettier-ignore
}
