// learning-curve.ts: a learning curve as text, json and an HTML page. Returns strings, prints nothing.

import { printableJson } from '../util/quoted.ts';
import { lineChart } from './charts.ts';
import { fold } from './fold.ts';
import { htmlPage, isolated } from './page.ts';
import {
  charts,
  footer,
  heading,
  htmlTable,
  largeFigures,
  PARTS_STYLE,
  section,
  type Made,
} from './parts.ts';
import { formatTable } from './text-table.ts';

export interface LearningPoint {
  /** That were learnt from. */
  readonly pictures: number;
  /** 0…1: top-1, or mean average precision with several labels; the mean of several choices of the pictures. */
  readonly score: number;
  readonly loss: number;
  /** Between the best and the worst choice. */
  readonly spread: number;
  /** Where the score lies with 95 % confidence, by the number of pictures that judge it. */
  readonly interval?: { readonly low: number; readonly high: number };
}

export interface LearningCurve {
  readonly dataset: string;
  readonly model: string;
  readonly device: string;
  /** How the dataset is divided, for people. */
  readonly division: string;
  readonly classes: number;
  /** Pictures that judge. */
  readonly judged: number;
  readonly kind: 'single' | 'multi';
  readonly points: readonly LearningPoint[];
  /** With twice as many pictures, if the curve goes on as it is. */
  readonly expected?: { readonly pictures: number; readonly score: number };
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
const rounded = (value: number) => Math.round(value * 1e6) / 1e6;
const scoreName = ({ kind }: LearningCurve) => (kind === 'multi' ? 'mean average precision' : 'top-1');

function tableRows(curve: LearningCurve): readonly (readonly string[])[] {
  const isSingle = curve.kind === 'single';
  return [
    ['pictures', 'a class', scoreName(curve), ...(isSingle ? ['95 %'] : []), 'spread', 'loss'],
    ...curve.points.map(({ pictures, score, interval, spread, loss }) => [
      `${pictures}`,
      (pictures / curve.classes).toFixed(1),
      percent(score),
      ...(isSingle ? [interval ? `${(interval.low * 100).toFixed(1)}–${(interval.high * 100).toFixed(1)}` : ''] : []),
      (spread * 100).toFixed(2),
      loss.toFixed(3),
    ]),
  ]; // prettier-ignore
}

/** One sentence for people: what more pictures would give. */
function verdict({ points, expected }: LearningCurve): string {
  const now = points.at(-1)!;
  if (!expected) {
    return now.score >= 1
      ? 'Every picture is said rightly already: more pictures cannot show here.'
      : 'More pictures did not help as far as this can tell: other pictures, or another network, may.';
  }
  const gain = (expected.score - now.score) * 100;
  const what = `With twice as many pictures, ${expected.pictures}, about ${percent(expected.score)} is to be expected, ${gain.toFixed(1)} points more`;
  return gain < 0.5 ? `${what}: hardly worth the labelling.` : `${what}, if the curve goes on as it is.`;
}

export function curveText(curve: LearningCurve, columns?: number): string {
  const table = formatTable(tableRows(curve), { right: [0, 1, 2, 3, 4, 5], columns });
  return `${table}${fold(verdict(curve), columns ?? Infinity).join('\n')}\n`;
}

export function curveJson(curve: LearningCurve): string {
  const { dataset, model, classes, judged, points, expected, kind } = curve;
  const scores = (score: number) => (kind === 'multi' ? { meanAveragePrecision: rounded(score) } : { top1: rounded(score) }); // prettier-ignore
  return `${printableJson({
    dataset,
    model,
    classes,
    judged,
    points: points.map(({ pictures, score, interval, spread, loss }) => ({
      pictures,
      ...scores(score),
      ...(interval && { low: rounded(interval.low), high: rounded(interval.high) }),
      spread: rounded(spread),
      loss: rounded(loss),
    })),
    ...(expected && { expected: { pictures: expected.pictures, ...scores(expected.score) } }),
  })}\n`;
}

export function curvePage(curve: LearningCurve, made: Made): string {
  const { dataset, model, device, division, judged, points, expected } = curve;
  const title = `Would more pictures of ${isolated(dataset)} help?`;
  const last = points.at(-1)!;
  const measured = points.map(({ pictures, score }) => [pictures, score * 100] as const);
  const onward = expected && [measured.at(-1)!, [expected.pictures, expected.score * 100] as const];
  const svg = lineChart(
    [{ name: 'measured', points: measured }, ...(onward ? [{ name: 'expected', points: onward }] : [])],
    { title: scoreName(curve), xName: 'pictures to learn from', format: (value) => `${value} %`, most: 100 },
  );
  const parts = [
    heading(title, `${isolated(model)}, its head alone; ${judged} pictures to judge by (${division}); ${device}`),
    largeFigures([
      [scoreName(curve), percent(last.score), `with ${last.pictures} pictures`],
      ...(expected ? [['expected', percent(expected.score), `with ${expected.pictures} pictures`] as const] : []),
    ]),
    section('Learning curve', charts([{ caption: verdict(curve), svg }])),
    // Without the pictures a class there are few enough columns for a phone.
    section('Figures', htmlTable(tableRows(curve).map((row) => row.toSpliced(1, 1)))),
    footer(made),
  ]; // prettier-ignore
  return htmlPage(title, PARTS_STYLE, parts.join('\n'));
}
