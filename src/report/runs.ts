// runs.ts: runs as a table and as json, and two of them compared: as text, json and an HTML page. Returns strings, prints nothing.

import { printable, printableJson } from '../util/quoted.ts';
import { lineChart, type Curve } from './charts.ts';
import { fold } from './fold.ts';
import { escapeXml, htmlPage, isolated } from './page.ts';
import {
  charts,
  footer,
  heading,
  htmlTable,
  largeFigures,
  PARTS_STYLE,
  section,
  duration,
  type Made,
} from './parts.ts';
import { settingName, settingValue, type SettingValue } from './setting-names.ts';
import { shortenStart } from './table.ts';
import { formatTable } from './text-table.ts';

export interface ListedRun {
  readonly name: string;
  readonly folder: string;
  /** ISO 8601. */
  readonly began: string;
  readonly dataset: string;
  readonly model: string;
  readonly state: 'finished' | 'unfinished';
  /** 0…1: `top1`, or mean average precision with several labels. */
  readonly score?: number;
  readonly top1?: number;
  readonly meanAveragePrecision?: number;
  readonly loss?: number;
  /** 0: the head alone. */
  readonly bestEpoch?: number;
  readonly seconds?: number;
}

interface ComparedRun extends ListedRun {
  /** Rows of metrics.csv by their columns. */
  readonly metrics: readonly Readonly<Record<string, string>>[];
  readonly classes: number;
  readonly samples: number;
  readonly device: string;
}

export interface DifferentSetting {
  /** The path in the run's record: `head.c`. */
  readonly name: string;
  readonly values: readonly [SettingValue, SettingValue];
}

export interface ComparedRuns {
  readonly runs: readonly [ComparedRun, ComparedRun];
  readonly settings: readonly DifferentSetting[];
  /** On the pictures that both were judged by; absent with several labels a picture, and for runs that kept no answers. */
  readonly test?:
    | {
        readonly pictures: number;
        readonly right: readonly [number, number];
        readonly onlyFirst: number;
        readonly onlySecond: number;
        /** Of McNemar's test. */
        readonly p: number;
      }
    | undefined;
}

const percent = (share: number | undefined) => (share === undefined ? '' : `${(share * 100).toFixed(2)} %`);
const day = (iso: string) => iso.slice(0, 16).replace('T', ' ');

export function runsTable(runs: readonly ListedRun[], columns?: number): string {
  const rows = runs.map((run) => [
    run.name,
    run.state === 'finished' ? percent(run.score) : 'unfinished',
    run.loss?.toFixed(3) ?? '',
    run.bestEpoch === undefined ? '' : run.bestEpoch === 0 ? 'head' : `${run.bestEpoch}`,
    run.seconds === undefined ? '' : duration(run.seconds),
    day(run.began),
    run.model,
  ]);
  return formatTable([['run', 'score', 'loss', 'epoch', 'time', 'begun', 'from'], ...rows], { right: [1, 2, 3, 4], columns }); // prettier-ignore
}

export const runsJson = (runs: readonly ListedRun[]): string => `${printableJson(runs, 2)}\n`;

export function comparedJson({ runs, settings, ...rest }: ComparedRuns): string {
  const plain = runs.map(({ metrics: _, ...run }) => run);
  const inText = settings.map(({ name, values }) => ({ name, values: values.map(String) }));
  return `${printableJson({ runs: plain, settings: inText, ...rest }, 2)}\n`;
}

/** One sentence for people: which of two is better, if either. @param shown a name as the place of the sentence needs it */
function comparedVerdict({ runs, test }: ComparedRuns, shown: (name: string) => string): string {
  if (!test)
    return 'No paired test: the runs kept no answers to the same pictures, or have several labels a picture.';
  const { pictures, onlyFirst, onlySecond, p } = test;
  const [a, b] = runs.map(({ name }) => shown(name));
  const alone = `of ${pictures} pictures that judged both, ${onlyFirst} are right in ${a} only and ${onlySecond} in ${b} only`;
  if (p >= 0.05) return `The difference may be chance: ${alone} (p\u00a0=\u00a0${shortP(p)}).`;
  return `${onlyFirst > onlySecond ? a : b} is better: ${alone} (p\u00a0=\u00a0${shortP(p)}).`;
}

const shortP = (p: number) => (p < 0.001 ? p.toExponential(1) : p.toFixed(3));

function figures({ runs }: ComparedRuns): readonly (readonly string[])[] {
  const line = (name: string, value: (run: ComparedRun) => string) => [name, ...runs.map(value)];
  return [
    ['', ...runs.map(({ name }) => name)],
    line('score', ({ score }) => percent(score)),
    line('loss', ({ loss }) => loss?.toFixed(4) ?? ''),
    line('best epoch', ({ bestEpoch }) => (bestEpoch === 0 ? 'head' : `${bestEpoch ?? ''}`)),
    line('time', ({ seconds = 0 }) => duration(seconds)),
    line('pictures that judged', ({ samples }) => `${samples}`),
    line('device', ({ device }) => device),
  ];
}

const settingRows = ({ runs, settings }: ComparedRuns): readonly (readonly string[])[] => [
  ['setting', ...runs.map(({ name }) => name)],
  ...settings.map(({ name, values }) => [
    settingName(name),
    ...values.map((value) => settingValue(name, value)),
  ]),
];

export function comparedText(compared: ComparedRuns, columns?: number): string {
  const { settings } = compared;
  const table = formatTable(figures(compared), { columns });
  const differing =
    settings.length === 0 ? 'The settings are the same.\n' : formatTable(settingRows(compared), { columns });
  return `${table}\n${differing}\n${fold(comparedVerdict(compared, printable), columns ?? Infinity).join('\n')}\n`;
}

export function comparedPage(compared: ComparedRuns, made: Made): string {
  const { runs, settings } = compared;
  const [a, b] = runs;
  const title = `${isolated(a.name)} and ${isolated(b.name)}`;
  const parts = [
    heading(title, `learnt from ${isolated(a.dataset)}`),
    largeFigures(runs.map((run) => [isolated(run.name), percent(run.score), `loss ${run.loss?.toFixed(3) ?? ''}, ${duration(run.seconds ?? 0)}`] as const)),
    section('Which is better', `<p>${escapeXml(comparedVerdict(compared, isolated))}</p>`),
    section('Curves', charts(curves(runs)), 'None: both are heads alone, trained straight to their lowest loss.'),
    section('Settings that differ', settings.length > 0 ? htmlTable(settingRows(compared)) : '', 'None.'),
    section('Figures', htmlTable(figures(compared))),
    footer(made),
  ]; // prettier-ignore
  return htmlPage(title, PARTS_STYLE, parts.join('\n'));
}

/** Of a name beside a curve: both fit above the chart. Names end in what tells runs apart. */
const LEGEND_COLUMNS = 18;

function curves(runs: ComparedRuns['runs']): Parameters<typeof charts>[0] {
  const drawn = (caption: string, columns: readonly string[], scale: number, format: (value: number) => string) => {
    const lines = runs.map((run): Curve => ({ name: shortenStart(printable(run.name), LEGEND_COLUMNS), points: pointsOf(run, columns, scale) }));
    if (lines.every(({ points }) => points.length < 2)) return [];
    return [{ caption, svg: lineChart(lines, { title: caption, xName: 'epoch of stage 2 (0: the head alone)', format, ...(scale === 100 && { most: 100 }) }) }];
  }; // prettier-ignore
  return [
    ...drawn('Validation loss', ['val_loss'], 1, (value) => `${Number(value.toPrecision(4))}`),
    ...drawn('Score', ['val_top1', 'val_mean_average_precision'], 100, (value) => `${value} %`),
  ];
}

/** Stage 2 by its epochs; the last row of stage 1 is epoch 0. */
function pointsOf({ metrics }: ComparedRun, columns: readonly string[], scale: number): Curve['points'] {
  const head = metrics.filter(({ stage }) => stage === 'head').slice(-1);
  const all = metrics.filter(({ stage }) => stage === 'all');
  const cell = (row: Readonly<Record<string, string>>) => columns.map((name) => row[name]).find((value) => value !== undefined && value !== ''); // prettier-ignore
  return [
    ...head.map((row) => [0, Number(cell(row)) * scale] as const),
    ...all.map((row) => [Number(row['epoch']), Number(cell(row)) * scale] as const),
  ];
}
