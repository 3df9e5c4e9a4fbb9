// inspection.ts: the findings of `inspect`, as plain data, as text, as JSON, and as a list of pictures to check.

import { csvText } from './csv.ts';
import { printable, printableJson } from '../util/quoted.ts';
import { formatTable } from './text-table.ts';

export interface ClassCount {
  readonly name: string;
  readonly total: number;
  /** Pictures by split, where there are splits. */
  readonly splits: Readonly<Record<string, number>>;
}

export interface DatasetPicture {
  readonly file: string;
  readonly split: string;
  readonly class: string;
}

export interface DuplicateGroup {
  /** `content`: the same bytes. `pixels`: other bytes, the same picture when decoded. */
  readonly kind: 'content' | 'pixels';
  readonly pictures: readonly DatasetPicture[];
}

export interface NearPair {
  readonly pictures: readonly [DatasetPicture, DatasetPicture];
  /** Cosine of their features. */
  readonly similarity: number;
  /** Correlation of their pixels, one perhaps cropped a little. */
  readonly correlation: number;
  readonly mirrored: boolean;
}

export interface Leak {
  readonly kind: 'exact' | 'near';
  readonly pictures: readonly DatasetPicture[];
}

export interface LabelSuspect extends DatasetPicture {
  readonly suggested: string;
  /** How much more the neighbours support the suggested class, 0…1. */
  readonly margin: number;
  /** The nearest pictures of that class. */
  readonly neighbours: readonly string[];
}

export interface Inspection {
  readonly folder: string;
  readonly model: string;
  readonly pictures: number;
  readonly splits: Readonly<Record<string, number>>;
  readonly classes: readonly ClassCount[];
  /** Largest class over smallest. */
  readonly imbalance: number | null;
  readonly sizes: { readonly width: Range; readonly height: Range } | null;
  readonly unreadable: readonly (DatasetPicture & { readonly code: string; readonly message: string })[];
  /** Files that are not pictures according to their names, by file extension. */
  readonly otherFiles: Readonly<Record<string, number>>;
  readonly exactDuplicates: readonly DuplicateGroup[];
  readonly nearDuplicates: readonly NearPair[];
  readonly leaks: readonly Leak[];
  /** The most suspicious first; `suspectCount` of them were found. */
  readonly suspectLabels: readonly LabelSuspect[];
  readonly suspectCount: number;
}

export interface Range {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function inspectionJson(inspection: Inspection): string {
  return `${printableJson(inspection, 2)}\n`;
}

/** Classes and problems beyond these are counted, not listed: json and `--list` have all. */
const MAX_LINES = 30;

export function inspectionText(inspection: Inspection, columns?: number): string {
  const { folder, pictures, unreadable, exactDuplicates, nearDuplicates, leaks } = inspection;
  const { suspectLabels, suspectCount } = inspection;
  const named = namedClasses(inspection);
  const head = `${printable(folder)}: ${pictures} pictures, ${named} ${named === 1 ? 'class' : 'classes'}\n`;
  const part = (title: string, rows: readonly (readonly string[])[], count = rows.length) =>
    section(title, rows, count, columns);
  const sections = [
    part(
      'unreadable',
      unreadable.map(({ file, message }) => [file, message]),
    ),
    part(
      'the same picture in several splits',
      leaks.map(({ kind, pictures }) => [...files(pictures), kind]),
    ),
    part(
      'exact duplicates',
      exactDuplicates.map((group) => [...files(group.pictures), ...conflict(group)]),
    ),
    part(
      'near duplicates',
      nearDuplicates.map((pair) => [...files(pair.pictures), pair.similarity.toFixed(3), ...nearNotes(pair)]),
    ),
    part(
      'labels that look wrong',
      suspectLabels.map((suspect) => [
        suspect.file,
        `${suspect.class} -> ${suspect.suggested}`,
        suspect.margin.toFixed(2),
      ]),
      suspectCount,
    ),
  ];
  return `${head}${facts(inspection)}\n${classTable(inspection, columns)}${sections.join('')}`;
}

function facts({ splits, imbalance, sizes, otherFiles }: Inspection): string {
  const range = ({ min, median, max }: Range) => `${min} … ${max}, median ${median}`;
  const others = Object.entries(otherFiles).map(([ending, count]) => `${printable(ending)} ${count}`);
  const parts = Object.entries(splits).map(([name, count]) => `${name} ${count}`);
  return formatTable(
    [
      ['splits', parts.length > 1 || !('' in splits) ? parts.join(', ') : 'none'],
      ['largest class over smallest', imbalance === null ? '' : imbalance.toFixed(2)],
      ['width', sizes ? range(sizes.width) : ''],
      ['height', sizes ? range(sizes.height) : ''],
      ['files passed over', others.join(', ')],
    ].filter(([, value]) => value !== ''),
  );
}

function classTable({ classes, splits }: Inspection, columns: number | undefined): string {
  const names = Object.keys(splits).filter((name) => name !== '');
  const header = ['class', 'pictures', ...names];
  const rows = classes
    .slice(0, MAX_LINES)
    .map(({ name, total, splits: own }) => [
      className(name),
      `${total}`,
      ...names.map((split) => `${own[split] ?? 0}`),
    ]);
  const more = classes.length > MAX_LINES ? `… ${classes.length - MAX_LINES} more classes\n` : '';
  return formatTable([header, ...rows], { right: header.map((_, i) => i).slice(1), columns }) + more;
}

/** How many classes there are: pictures without one are none. */
export const namedClasses = ({ classes }: Inspection) => classes.filter(({ name }) => name !== '').length;

export function className(name: string): string {
  return name === '' ? '(without a class)' : printable(name);
}

function section(
  title: string,
  rows: readonly (readonly string[])[],
  count: number,
  columns: number | undefined,
): string {
  if (rows.length === 0) return `\n${title}: none\n`;
  const shown = rows.slice(0, MAX_LINES).map((row) => ['', ...row.map(printable)]);
  const more = count > shown.length ? `  … ${count - shown.length} more\n` : '';
  return `\n${title}: ${count}\n${formatTable(shown, { columns })}${more}`;
}

const files = (pictures: readonly DatasetPicture[]) => pictures.map(({ file }) => file);

/** One picture under two labels is worse than the same picture twice under one label. */
export function conflict(
  { pictures }: { readonly pictures: readonly DatasetPicture[] },
  shown: (name: string) => string = className,
): readonly string[] {
  const names = [...new Set(pictures.map((picture) => picture.class))].filter((name) => name !== '');
  return names.length > 1 ? [`labels differ: ${names.map(shown).join(', ')}`] : [];
}

export function nearNotes(pair: NearPair, shown?: (name: string) => string): readonly string[] {
  return [...(pair.mirrored ? ['mirrored'] : []), ...conflict(pair, shown)];
}

/** A csv of the pictures to check, `path,problem,detail`: one line for each picture of each problem. */
export function inspectionList(inspection: Inspection, isSafe: boolean): string {
  const others = (pictures: readonly DatasetPicture[], file: string) =>
    pictures.filter((picture) => picture.file !== file).map((picture) => picture.file);
  const each = (
    problem: string,
    found: { readonly pictures: readonly DatasetPicture[] },
    notes: readonly string[],
  ) =>
    found.pictures.map(({ file }) => [file, problem, [...others(found.pictures, file), ...notes].join('; ')]);
  const rows = [
    ...inspection.unreadable.map(({ file, message }) => [file, 'unreadable', message]),
    ...inspection.leaks.flatMap((leak) => each('leak', leak, [leak.kind])),
    ...inspection.exactDuplicates.flatMap((group) => each('exact duplicate', group, conflict(group))),
    ...inspection.nearDuplicates.flatMap((pair) => each('near duplicate', pair, nearNotes(pair))),
    ...inspection.suspectLabels.map(({ file, class: own, suggested, margin }) => [
      file,
      'label',
      `${own} -> ${suggested}; margin ${margin.toFixed(3)}`,
    ]),
  ];
  return csvText([['path', 'problem', 'detail'], ...rows], isSafe);
}
