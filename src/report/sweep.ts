// sweep.ts: the results of a sweep as text, csv, json and an HTML page. The same results give the same bytes: there is no time in them.
// Returns strings, prints nothing.

import { printable, printableJson } from '../util/quoted.ts';
import { csvText } from './csv.ts';
import { fold } from './fold.ts';
import { intervalChart } from './interval-chart.ts';
import { escapeXml, htmlPage, isolated } from './page.ts';
import {
  charts,
  heading,
  htmlTable,
  largeFigures,
  PARTS_STYLE,
  section,
  versionFooter,
  type Cell,
} from './parts.ts';
import { formatTable } from './text-table.ts';

/** A run of the sweep that has ended, well or not. */
export interface SweepRun {
  /** Of its folder, inside the sweep's. */
  readonly name: string;
  readonly seed: string;
  /** 0…1: top-1, or mean average precision with several labels; absent where the run failed. */
  readonly score?: number;
  readonly loss?: number;
  /** 0: the head alone. */
  readonly bestEpoch?: number;
  /** What went wrong, in a line. */
  readonly remark?: string;
}

/** A combination of settings. */
export interface SweepRow {
  /** Of the settings that vary, in their order. */
  readonly settings: readonly string[];
  /** One for each seed. */
  readonly runs: readonly SweepRun[];
  /** The mean over the seeds; absent where no run of it has a score. */
  readonly score?: number;
  readonly loss?: number;
  /** Standard deviation over the seeds, where there are several. */
  readonly deviation?: number;
  /** Where the score lies with 95 % confidence, by the number of pictures that judge it. */
  readonly interval?: { readonly low: number; readonly high: number };
}

export interface SweepResults {
  readonly version: string;
  readonly dataset: string;
  /** Names of the settings that vary, as flags without hyphens. */
  readonly varying: readonly string[];
  /** Flags that have one value in all runs: `epochs=5`. */
  readonly constant: string;
  readonly seeds: readonly string[];
  readonly kind: 'single' | 'multi';
  /** Runs in all. */
  readonly total: number;
  /** The best first; those without a score last. */
  readonly rows: readonly SweepRow[];
  /** Of the first two rows; absent with several labels a picture, and where there are no two scores. */
  readonly test?: { readonly pictures: number; readonly onlyFirst: number; readonly onlySecond: number; readonly p: number };
} // prettier-ignore

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
const points = (share: number) => (share * 100).toFixed(2);
const rounded = (value: number) => Math.round(value * 1e6) / 1e6;
const shortP = (p: number) => (p < 0.001 ? p.toExponential(1) : p.toFixed(3));
const scoreName = ({ kind }: SweepResults) => (kind === 'multi' ? 'mean average precision' : 'top-1');
const doneOf = ({ rows }: SweepResults) => rows.reduce((sum, { runs }) => sum + runs.length, 0);

/** Cells of a column, row by row; a column of empty cells is left out. */
function columnsOf(results: SweepResults): readonly (readonly [name: string, cell: (row: SweepRow, i: number) => string])[] {
  const { varying, kind } = results;
  return [
    ['#', (_, i) => `${i + 1}`],
    ...varying.map((name, k) => [name, ({ settings }: SweepRow) => settings[k]!] as const),
    [scoreName(results), ({ score }) => (score === undefined ? '' : percent(score))],
    ['±', ({ deviation }) => (deviation === undefined ? '' : points(deviation))],
    ...(kind === 'single' ? [['95 %', ({ interval }: SweepRow) => (interval ? `${(interval.low * 100).toFixed(1)}–${(interval.high * 100).toFixed(1)}` : '')] as const] : []),
    ['loss', ({ loss }) => loss?.toFixed(3) ?? ''],
    ['epoch', ({ runs }) => runs.map(({ bestEpoch }) => (bestEpoch === undefined ? '–' : bestEpoch === 0 ? 'head' : `${bestEpoch}`)).join(', ')],
  ];
} // prettier-ignore

function tableRows(results: SweepResults): readonly (readonly string[])[] {
  const columns = columnsOf(results).map(([name, cell]) => [name, ...results.rows.map(cell)]);
  const told = columns.filter(([, ...cells]) => cells.some((text) => text !== ''));
  return ['', ...results.rows].map((_, row) => told.map((cells) => cells[row]!));
}

/** What went wrong in the runs of a row. */
function remarkOf({ runs }: SweepRow): string {
  const told = runs.flatMap(({ seed, remark }) => (remark === undefined ? [] : [{ seed, remark }]));
  return told.map(({ seed, remark }) => (runs.length > 1 ? `seed ${seed}: ${remark}` : remark)).join('; ');
}

/** One or two sentences for people: which settings are the best, and whether they are better than the next by more than chance. @param shown a value as the place needs it */
function sweepVerdict(results: SweepResults, shown: (value: string) => string): string {
  const { rows, varying, test, total, kind, seeds } = results;
  const done = doneOf(results);
  const unfinished = done < total ? ` ${total - done} of ${total} runs are still to be made.` : '';
  const scored = rows.filter(({ score }) => score !== undefined);
  const [best, second] = scored;
  if (!best) return `No run has a score.${unfinished}`;
  const named = ({ settings }: SweepRow, i: number) => (varying.length === 0 ? `#${i}` : `#${i} (${settings.map((value, k) => `${varying[k]!}=${shown(value)}`).join(' ')})`); // prettier-ignore
  if (!second) return `One combination has a score, ${percent(best.score!)}: there is none to compare it with.${unfinished}`;
  if (!test) {
    const why = kind === 'multi' ? 'the pictures have several labels' : 'no picture judged both';
    return `${named(best, 1)} has the highest score; without a paired test, since ${why}.${unfinished}`;
  }
  const { pictures, onlyFirst, onlySecond, p } = test;
  const inOne = seeds.length > 1 ? ['more often in #1', 'in #2'] : ['in #1 only', 'in #2 only'];
  const counts = `of ${pictures} pictures that judged both, ${onlyFirst} are right ${inOne[0]} and ${onlySecond} ${inOne[1]} (p\u00a0=\u00a0${shortP(p)})`;
  const isBetter = p < 0.05 && onlyFirst > onlySecond;
  return isBetter
    ? `${named(best, 1)} is better than ${named(second, 2)} by more than chance: ${counts}.${unfinished}`
    : `That ${named(best, 1)} is before ${named(second, 2)} may be chance: ${counts}.${unfinished}`;
} // prettier-ignore

export function sweepText(results: SweepResults, columns?: number): string {
  const remarks = results.rows.map(remarkOf);
  const rows = tableRows(results);
  const isNumber = (column: number) => rows.slice(1).every((row) => /^[\d.\s%–-]*$/.test(row[column]!));
  const right = rows[0]!.flatMap((_, i) => (isNumber(i) ? [i] : []));
  const hasNotes = remarks.some((text) => text !== '');
  const cells = hasNotes ? rows.map((row, i) => [...row, i === 0 ? 'remark' : remarks[i - 1]!]) : rows;
  return `${formatTable(cells, { right, columns, hasNotes })}${fold(sweepVerdict(results, printable), columns ?? Infinity).join('\n')}\n`;
}

/** Mean figures of each combination. */
export function sweepCsv({ rows, varying, kind }: SweepResults): string {
  const score = kind === 'multi' ? 'mean_average_precision' : 'top1';
  const number = (value: number | undefined) => (value === undefined ? '' : rounded(value));
  return csvText(
    [
      ['rank', ...varying, score, 'deviation', 'low', 'high', 'loss', 'best_epoch', 'runs', 'remark'],
      ...rows.map((row, i) => [
        i + 1,
        ...row.settings,
        number(row.score),
        number(row.deviation),
        number(row.interval?.low),
        number(row.interval?.high),
        number(row.loss),
        row.runs.map(({ bestEpoch = '' }) => bestEpoch).join('|'),
        row.runs.map(({ name }) => name).join('|'),
        remarkOf(row),
      ]),
    ],
    false,
  );
}

export function sweepJson({
  dataset,
  varying,
  constant,
  seeds,
  kind,
  total,
  rows,
  test,
}: SweepResults): string {
  const scored = ({ score, loss }: Pick<SweepRow, 'score' | 'loss'>) => ({
    ...(score !== undefined && { [kind === 'multi' ? 'meanAveragePrecision' : 'top1']: rounded(score) }),
    ...(loss !== undefined && { loss: rounded(loss) }),
  });
  return `${printableJson(
    {
      dataset,
      constant,
      seeds,
      runs: total,
      results: rows.map((row, i) => ({
        rank: i + 1,
        settings: Object.fromEntries(varying.map((name, k) => [name, row.settings[k]!])),
        ...scored(row),
        ...(row.deviation !== undefined && { deviation: rounded(row.deviation) }),
        ...(row.interval && { low: rounded(row.interval.low), high: rounded(row.interval.high) }),
        runs: row.runs.map(({ name, seed, bestEpoch, remark, ...run }) => ({
          name,
          seed,
          ...scored(run),
          ...(bestEpoch !== undefined && { bestEpoch }),
          ...(remark !== undefined && { remark }),
        })),
      })),
      ...(test && { test: { ...test, p: rounded(test.p) } }),
    },
    2,
  )}\n`;
}

const STYLE = 'a { color: var(--bar); }';

/** Rows that the chart shows. */
const CHARTED = 20;

export function sweepPage(results: SweepResults): string {
  const { dataset, varying, constant, seeds, total, rows, kind, version } = results;
  const title = `Settings tried on ${isolated(dataset)}`;
  const [head = [], ...cells] = tableRows(results);
  const remarks = rows.map(remarkOf);
  const hasRemarks = remarks.some((text) => text !== '');
  const links = ({ runs }: SweepRow): Cell => ({
    links: runs.flatMap(({ name, seed, score }) =>
      score === undefined
        ? []
        : [{ text: runs.length > 1 ? `seed ${seed}` : 'report', href: `${name}/report.html` }],
    ),
  });
  const table: readonly (readonly Cell[])[] = [
    [...head, 'run', ...(hasRemarks ? ['remark'] : [])],
    ...cells.map((row, i) => [...row, links(rows[i]!), ...(hasRemarks ? [remarks[i]!] : [])]),
  ];
  const [best] = rows;
  const done = doneOf(results);
  const scored = rows.filter(({ score }) => score !== undefined).slice(0, CHARTED);
  const bars = scored.map(({ score, interval, runs }, i) => ({
    name: `#${i + 1}`,
    value: score! * 100,
    ...(interval && { low: interval.low * 100, high: interval.high * 100 }),
    marks: runs.length > 1 ? runs.flatMap((run) => (run.score === undefined ? [] : [run.score * 100])) : [],
  }));
  const same = constant === '' ? '' : `; all with ${isolated(constant)}`;
  const seeded = seeds.length > 1 ? `, seeds ${seeds.join(', ')}` : '';
  const parts = [
    heading(title, `${done === total ? total : `${done} of ${total}`} runs of ${varying.join(', ') || 'one combination'}${seeded}${same}`),
    ...(best?.score === undefined
      ? []
      : [largeFigures([[`best ${scoreName(results)}`, percent(best.score), bestText(best, results)]])]),
    section('Which is best', `<p>${escapeXml(sweepVerdict(results, isolated))}</p>`),
    section('Results', `${htmlTable(table)}${kind === 'single' ? '<p class="hint">95 %: where the score lies, as far as the number of pictures that judge it can tell.</p>' : ''}`, 'No run has ended yet.'),
    section('Scores', bars.length > 1 ? charts([{ caption: chartCaption(results, scored.length), svg: intervalChart(bars, { title: scoreName(results), format: (value) => `${value} %` }) }]) : ''),
    versionFooter(version),
  ]; // prettier-ignore
  return htmlPage(title, `${PARTS_STYLE}\n${STYLE}`, parts.filter((text) => text !== '').join('\n'));
}

function bestText({ deviation, settings }: SweepRow, { varying }: SweepResults): string {
  const words = settings.map((value, k) => `${varying[k]!}=${isolated(value)}`);
  return [...(deviation === undefined ? [] : [`± ${points(deviation)} over the seeds`]), ...words].join(', ');
}

function chartCaption({ kind, seeds, rows }: SweepResults, shown: number): string {
  const which = shown < rows.length ? `, the first ${shown}` : '';
  const lines = kind === 'single' ? '; the lines are the intervals of 95 %' : '';
  return `Score${which}${lines}${seeds.length > 1 ? '; the small rings are single seeds' : ''}`;
}
