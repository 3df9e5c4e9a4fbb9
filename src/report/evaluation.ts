// evaluation.ts: the figures of one evaluation as a table, json or csv. Returns strings, prints nothing.

import { csvText } from './csv.ts';
import { printable, printableJson } from '../util/quoted.ts';
import { formatTable } from './text-table.ts';

interface ClassRow {
  readonly class: string;
  readonly samples: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How well pictures of no class are told from those of known classes; all from 0 to 1. */
export interface UnknownFigures {
  /** Pictures of no class. */
  readonly samples: number;
  /** Area under the ROC curve: 1 where every one of them is less like the classes than every known picture. */
  readonly auroc: number;
  /** Share of the pictures of no class that get a class all the same. */
  readonly falseKnown: number;
  /** Share of the pictures of known classes that keep their class. */
  readonly knownKept: number;
}

interface Common {
  readonly model: string;
  readonly dataset: string;
  /** The part of the dataset that was evaluated: `test/`. */
  readonly part: string;
  readonly device: string;
  /** Classes that the network chooses from. */
  readonly classes: number;
  readonly samples: number;
  readonly loss: number;
  readonly macroF1: number;
  readonly unknown?: UnknownFigures;
  readonly failed: readonly {
    readonly file: string;
    readonly error: { readonly code: string; readonly message: string };
  }[];
}

interface SingleLabelReport extends Common {
  readonly kind: 'single';
  readonly top1: Share;
  readonly top5: Share;
  readonly ece: number;
  readonly temperature: number;
  readonly calibratedEce: number;
  readonly bins: readonly {
    readonly count: number;
    readonly confidence: number;
    readonly accuracy: number;
  }[];
  readonly perClass: readonly ClassRow[];
  /** Rows: truth, columns: prediction; in the order of `perClass`. */
  readonly confusion: readonly (readonly number[])[];
  readonly confused: readonly {
    readonly truth: string;
    readonly predicted: string;
    readonly count: number;
  }[];
}

interface MultiLabelReport extends Common {
  readonly kind: 'multi';
  readonly meanAveragePrecision: number;
  readonly microF1: number;
  readonly perClass: readonly (ClassRow & {
    readonly averagePrecision: number | undefined;
    readonly threshold: number;
  })[];
}

export type EvaluationReport = SingleLabelReport | MultiLabelReport;

const FORMATS = { table, json, csv } as const satisfies Record<
  string,
  (report: EvaluationReport, columns: number | undefined, csvSafe: boolean) => string
>;

export function formatEvaluation(
  format: keyof typeof FORMATS,
  report: EvaluationReport,
  { columns, csvSafe }: { readonly columns?: number | undefined; readonly csvSafe: boolean },
): string {
  return FORMATS[format](report, columns, csvSafe);
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

/** The number of pairs that a terminal shows; the page has more. */
const PAIRS = 10;

/** Headline figures: name, value, and a remark on it. */
export function headline(report: EvaluationReport): readonly (readonly [string, string, string])[] {
  return [...figuresOf(report), ...unknownRows(report)];
}

function unknownRows({ unknown }: EvaluationReport): readonly (readonly [string, string, string])[] {
  if (!unknown) return [];
  const { auroc, falseKnown, knownKept, samples } = unknown;
  return [
    ['unknown', auroc.toFixed(4), `AUROC of ${samples} pictures of no class`],
    ['false known', percent(falseKnown), 'of them get a class all the same'],
    ['known kept', percent(knownKept), 'of the known pictures keep theirs'],
  ];
}

function figuresOf(report: EvaluationReport): readonly (readonly [string, string, string])[] {
  if (report.kind === 'multi') {
    return [
      ['mAP', percent(report.meanAveragePrecision), 'mean average precision'],
      ['micro F1', percent(report.microF1), 'at a threshold of 0.5'],
      ['macro F1', percent(report.macroF1), 'at a threshold of 0.5'],
      ['loss', report.loss.toFixed(4), 'binary cross-entropy'],
    ];
  }
  const range = ({ low, high }: Share) => `95 %: ${(low * 100).toFixed(1)} … ${(high * 100).toFixed(1)} %`;
  return [
    ['top-1', percent(report.top1.value), range(report.top1)],
    // Among five classes or fewer, every answer is one of the first five.
    ...(report.classes > 5 ? [['top-5', percent(report.top5.value), range(report.top5)] as const] : []),
    ['macro F1', percent(report.macroF1), ''],
    ['loss', report.loss.toFixed(4), 'cross-entropy'],
    [
      'ECE',
      report.ece.toFixed(4),
      `${report.calibratedEce.toFixed(4)} at temperature ${report.temperature.toFixed(2)}`,
    ],
  ];
}

/** Headers and cells of the table of classes. */
export function classTable(report: EvaluationReport): readonly (readonly string[])[] {
  const share = (value: number) => (value * 100).toFixed(1);
  if (report.kind === 'single') {
    return [
      ['class', 'samples', 'precision', 'recall', 'F1'],
      ...report.perClass.map((row) => [
        row.class, `${row.samples}`, share(row.precision), share(row.recall), share(row.f1),
      ]),
    ]; // prettier-ignore
  }
  return [
    ['class', 'samples', 'AP', 'threshold', 'precision', 'recall', 'F1'],
    ...report.perClass.map((row) => [
      row.class, `${row.samples}`, row.averagePrecision === undefined ? '' : share(row.averagePrecision),
      row.threshold.toFixed(3), share(row.precision), share(row.recall), share(row.f1),
    ]),
  ]; // prettier-ignore
}

function table(report: EvaluationReport, columns?: number): string {
  const { model, dataset, part, samples, failed } = report;
  const left = failed.length > 0 ? `, ${failed.length} unreadable` : '';
  const blocks = [
    `${printable(model)} on ${printable(dataset)} (${part}): ${samples} pictures${left}\n`,
    formatTable(
      headline(report).map((row) => [...row]),
      { right: [1], columns },
    ),
    formatTable(
      classTable(report).map((row) => row.map(printable)),
      { right: [1, 2, 3, 4, 5, 6], columns },
    ),
  ];
  if (report.kind === 'single' && report.confused.length > 0) {
    const pairs = report.confused.slice(0, PAIRS);
    const rows = pairs.map(({ truth, predicted, count }) => [
      `${count}`,
      printable(truth),
      `taken for ${printable(predicted)}`,
    ]);
    blocks.push(`most confused\n${formatTable(rows, { right: [0], columns })}`);
  }
  return blocks.join('\n');
}

interface CommonRecord {
  /** Of `--unknown DIR`. */
  readonly unknown?: UnknownFigures;
  readonly loss: number;
  readonly samples: number;
  readonly macroF1: number;
  readonly failed: Common['failed'];
  readonly model: string;
  readonly dataset: string;
  readonly part: string;
}

/** The object of `--format json`, and of the library: shares from 0 to 1, all numbers rounded to six decimals. */
export type EvaluationRecord =
  | (CommonRecord & {
      readonly top1: number;
      readonly top5: number;
      readonly ece: number;
      readonly confusion: SingleLabelReport['confusion'];
      readonly perClass: SingleLabelReport['perClass'];
      /** 95 %, by Wilson's score. */
      readonly intervals: Readonly<Record<'top1' | 'top5', readonly [low: number, high: number]>>;
      readonly temperature: number;
      readonly calibratedEce: number;
      readonly confused: SingleLabelReport['confused'];
    })
  | (CommonRecord & {
      readonly mAP: number;
      readonly microF1: number;
      readonly perClass: MultiLabelReport['perClass'];
    });

export function evaluationRecord(report: EvaluationReport): EvaluationRecord {
  const { model, dataset, part, samples, loss, macroF1, failed } = report;
  const common = { failed, model, dataset, part, ...(report.unknown && { unknown: report.unknown }) };
  return roundedAll(
    report.kind === 'single'
      ? {
          top1: report.top1.value,
          top5: report.top5.value,
          loss,
          samples,
          macroF1,
          ece: report.ece,
          confusion: report.confusion,
          perClass: report.perClass,
          ...common,
          intervals: { top1: [report.top1.low, report.top1.high], top5: [report.top5.low, report.top5.high] },
          temperature: report.temperature,
          calibratedEce: report.calibratedEce,
          confused: report.confused,
        }
      : {
          mAP: report.meanAveragePrecision,
          loss,
          samples,
          macroF1,
          microF1: report.microF1,
          perClass: report.perClass,
          ...common,
        },
  );
}

/** Rounds all numbers of an object to six decimals, which is as precise as float32 arithmetic is. */
function roundedAll<T>(value: T): T {
  const rounded = (part: unknown): unknown => {
    if (typeof part === 'number') return Math.round(part * 1e6) / 1e6;
    if (Array.isArray(part)) return part.map(rounded);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, rounded(inner)]));
  };
  return rounded(value) as T;
}

function json(report: EvaluationReport): string {
  return `${printableJson(evaluationRecord(report))}\n`;
}

function csv(report: EvaluationReport, _: number | undefined, csvSafe: boolean): string {
  const [first, ...rows] = report.perClass.map((row) => Object.entries(roundedAll(row)));
  if (!first) return '';
  return csvText(
    [first.map(([key]) => key), ...[first, ...rows].map((row) => row.map(([, value]) => value))],
    csvSafe,
  );
}
