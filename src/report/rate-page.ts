// rate-page.ts: losses over learning rates as one HTML page. Strings in, HTML out.

import { lineChart } from './charts.ts';
import { htmlPage } from './page.ts';
import { charts, footer, heading, largeFigures, PARTS_STYLE, section, type Made } from './parts.ts';

export interface TriedRates {
  readonly points: readonly (readonly [rate: number, loss: number])[];
  readonly suggested?: number;
}

export function ratePage(title: string, { points, suggested }: TriedRates, made: Made): string {
  const chart = lineChart([{ name: 'loss', points }], {
    title: 'loss over rate',
    xName: 'learning rate',
    logX: true,
    ...(suggested !== undefined && { mark: suggested }),
  });
  const parts = [
    heading(title, `${points.length} steps at growing rates; the loss is smoothed`),
    largeFigures([
      [
        'suggested rate',
        suggested === undefined ? 'none' : `${suggested}`,
        'a tenth of the rate at which the loss rises',
      ],
    ]),
    section(
      'Loss',
      points.length > 1
        ? charts([{ caption: 'Smoothed loss at each rate; the dashed line is the suggestion', svg: chart }])
        : '',
      'Too few steps for a curve.',
    ),
    footer(made),
  ];
  return htmlPage(title, PARTS_STYLE, parts.join('\n'));
}
