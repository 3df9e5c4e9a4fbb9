// classify.ts: what the user wrote -> the configuration of classify.

import { isVideo } from '../images/video.ts';
import { SORT_BY } from '../sorting/place.ts';
import type { SortOptions } from '../sorting/sorter.ts';
import { AppError } from '../util/errors.ts';
import { UNKNOWN_RATE } from '../util/novelty.ts';
import { quoted } from '../util/quoted.ts';
import { refuseOthers, type GivenNames } from './alone.ts';
import { classesConfig, type ClassesConfig, type ClassesFlag } from './classes.ts';
import { inferenceConfig, type InferenceConfig, type InferenceFlags } from './inference.ts';
import type { ShardFlags } from './shards.ts';
import { asShare, csvSafe, parseChoice, parseNumber } from './parse.ts';

const OUTPUT_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
type OutputFormat = (typeof OUTPUT_FORMATS)[number];

const FIGURE_FORMATS = ['png', 'svg', 'html'] as const;
export type FigureFormat = (typeof FIGURE_FORMATS)[number];

export type Language = 'en' | 'zh';

export interface ClassifyFlags extends InferenceFlags, ClassesFlag, ShardFlags {
  readonly topk?: string;
  readonly labels?: string;
  readonly format?: string;
  readonly figure?: string;
  readonly threshold: string;
  readonly csvSafe?: boolean;
  readonly sortInto?: string;
  readonly sortBy?: string;
  readonly unsure?: string;
  readonly undo?: string;
  readonly unknown?: string;
  readonly unknownRate?: string;
  readonly explain?: string | boolean;
  readonly allowPrivate?: boolean;
  readonly watch?: string;
  readonly every?: string;
  /** The folder of shards; single results go to stdout. */
  readonly out?: string;
  readonly force?: boolean;
}

export interface ClassifyConfig extends InferenceConfig, ClassesConfig {
  /** Absent: 3, or as many classes as there are. */
  readonly topk?: number;
  readonly labels: { readonly languages: readonly Language[] } | { readonly file: string };
  readonly format: OutputFormat;
  readonly figure?: { readonly file: string; readonly format: FigureFormat };
  readonly threshold: number;
  /** Cells that a spreadsheet would compute get an apostrophe. */
  readonly csvSafe: boolean;
  /** The folder whose pictures are answered as they arrive; there are no inputs then. */
  readonly watch?: string;
  /** How often a picture is taken out of a video, in milliseconds. */
  readonly every?: number;
  /** Pictures by address may come from this machine and its network. */
  readonly allowPrivate: boolean;
  /** Puts every picture into the folder of its class. */
  readonly sort?: SortOptions;
  readonly unknown: UnknownConfig;
  /** Where the user said a rate of known pictures, the network has to be able to tell what is unknown. */
  readonly needsNovelty?: true;
  /** Shows what spoke for the class: in the figure, and in a file for each picture where there is a folder for them. */
  readonly explain?: { readonly folder?: string };
}

/** A day, in milliseconds. */
const MAX_EVERY = 86_400_000;

const UNKNOWN_CHOICES = ['auto', 'off'] as const;

/** Whether a picture unlike all classes is said to be unknown: `auto` where the model can tell. */
interface UnknownConfig {
  readonly say: (typeof UNKNOWN_CHOICES)[number];
  /** Share of the pictures of known classes that keep their answer. */
  readonly rate: number;
}

export function classifyConfig(inputs: readonly string[], flags: ClassifyFlags): ClassifyConfig {
  if (flags.shard === undefined && (flags.out !== undefined || flags.force)) {
    throw new AppError('USAGE', `${flags.force ? '--force' : '--out'} belongs to --shard; without it the result goes to stdout: classify … > FILE`); // prettier-ignore
  }
  const sort = parseSorting(flags);
  const explain = parseExplaining(flags);
  const format = parseFormat(flags);
  checkWatching(inputs, flags);
  return {
    ...(flags.watch !== undefined && { watch: flags.watch }),
    ...(flags.every !== undefined && { every: parseEvery(flags.every, inputs, sort) }),
    ...(sort && { sort }),
    ...(explain && { explain }),
    ...inferenceConfig(inputs, flags),
    ...classesConfig(flags),
    unknown: parseUnknown(flags),
    ...(flags.unknownRate !== undefined && { needsNovelty: true }),
    allowPrivate: flags.allowPrivate ?? false,
    ...(flags.topk !== undefined && {
      topk: parseNumber(flags.topk, { flag: '--topk', min: 1, whole: true }),
    }),
    labels: parseLabels(flags.labels ?? 'en,zh'),
    format,
    ...(flags.figure !== undefined && { figure: parseFigure(flags.figure) }),
    csvSafe: csvSafe(flags, { '--format csv': format === 'csv' }),
    threshold: parseNumber(flags.threshold, { flag: '--threshold', min: 0, max: 1, hint: asShare }),
  };
}

/** The list whose pictures are to be taken back, where that is asked for instead of pictures. @throws AppError USAGE where neither is given */
export function undoConfig(
  inputs: readonly string[],
  { undo, explain, watch }: ClassifyFlags,
  given: GivenNames,
): string | undefined {
  if (undo === undefined) {
    if (inputs.length > 0 || watch !== undefined) return undefined;
    // `--explain photo.jpg` takes the picture for its folder.
    const taken = typeof explain === 'string' ? `; --explain took ${quoted(explain)} for its folder, write it behind the inputs` : ''; // prettier-ignore
    throw new AppError('USAGE', `no INPUT: name pictures, folders, globs, @list.txt or -${taken}`);
  }
  if (inputs.length > 0) {
    throw new AppError('USAGE', `--undo takes back what a list says, and ${quoted(inputs[0]!)} is an INPUT; leave one of them out`); // prettier-ignore
  }
  refuseOthers(given, { flag: 'undo', does: 'takes back what a list says', takes: ['debug'] });
  return undo;
}

/** A watch is read by programs, line by line. @throws AppError USAGE for what would be whole only at its end */
function parseFormat({ format, watch }: ClassifyFlags): OutputFormat {
  const chosen = parseChoice(
    format ?? (watch === undefined ? 'table' : 'ndjson'),
    '--format',
    OUTPUT_FORMATS,
  );
  if (chosen !== 'json' || watch === undefined) return chosen;
  throw new AppError('USAGE', '--format json is one array, which a --watch never ends; take ndjson, csv or table'); // prettier-ignore
}

function checkWatching(inputs: readonly string[], { watch, figure }: ClassifyFlags): void {
  if (watch === undefined) return;
  if (inputs.length > 0) {
    throw new AppError('USAGE', `--watch ${quoted(watch)} answers for what arrives there, and ${quoted(inputs[0]!)} is an INPUT; leave one of them out`); // prettier-ignore
  }
  if (figure !== undefined) throw new AppError('USAGE', '--figure is drawn at the end, which a --watch has not; leave one of them out'); // prettier-ignore
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** `1s`, `500ms`, `2m`; without a unit it is seconds. Lists and stdin may name videos, which is seen later. @throws AppError USAGE */
function parseEvery(text: string, inputs: readonly string[], sort: SortOptions | undefined): number {
  if (sort) throw new AppError('USAGE', '--sort-into puts files into folders, and --every answers for frames of one; leave one of them out'); // prettier-ignore
  const [, number = '', unit = 's'] = /^([\d.]+)(ms|s|m)?$/.exec(text) ?? [];
  const every = Math.round(Number(number) * MILLISECONDS[unit]!);
  if (number === '' || !(every >= 1 && every <= MAX_EVERY)) {
    throw new AppError('USAGE', `--every must be a time from 1ms to 1440m, such as 1s or 500ms, received ${quoted(text)}`); // prettier-ignore
  }
  if (inputs.some((input) => isVideo(input) || input === '-' || input.startsWith('@'))) return every;
  throw new AppError('USAGE', '--every belongs to a video, such as clip.mp4, and none is an INPUT; leave it out or add one'); // prettier-ignore
}

function parseSorting({ sortInto, sortBy, unsure }: ClassifyFlags): SortOptions | undefined {
  if (sortInto === undefined) {
    const given = sortBy === undefined ? unsure && '--unsure' : '--sort-by';
    if (given) throw new AppError('USAGE', `${given} belongs to --sort-into, which was not given; leave it out or add that`); // prettier-ignore
    return undefined;
  }
  return {
    folder: sortInto,
    by: parseChoice(sortBy ?? 'copy', '--sort-by', SORT_BY),
    unsure: unsure === undefined ? 0 : parseNumber(unsure, { flag: '--unsure', min: 0, max: 1, hint: asShare }), // prettier-ignore
  };
}

function parseUnknown({ unknown, unknownRate }: ClassifyFlags): UnknownConfig {
  const say = parseChoice(unknown ?? 'auto', '--unknown', UNKNOWN_CHOICES);
  if (unknownRate === undefined) return { say, rate: UNKNOWN_RATE };
  if (say === 'off') throw new AppError('USAGE', '--unknown-rate belongs to --unknown auto, received --unknown off; leave one of them out'); // prettier-ignore
  return { say, rate: parseRate(unknownRate) };
}

function parseRate(text: string): number {
  const rate = parseNumber(text, { flag: '--unknown-rate', min: 0, max: 1, hint: asShare });
  if (rate > 0 && rate < 1) return rate;
  throw new AppError('USAGE', `--unknown-rate is a share above 0 and below 1, received ${quoted(text)}`);
}

function parseExplaining({ explain, figure }: ClassifyFlags): ClassifyConfig['explain'] {
  if (explain === undefined || explain === false) return undefined;
  if (typeof explain === 'string') return { folder: explain };
  if (figure !== undefined) return {};
  throw new AppError('USAGE', '--explain needs a place for what it shows: name a folder, --explain DIR, or add --figure FILE'); // prettier-ignore
}

function parseLabels(text: string): ClassifyConfig['labels'] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.every((part) => part === 'en' || part === 'zh')) return { languages: parts };
  return { file: text };
}

function parseFigure(file: string): NonNullable<ClassifyConfig['figure']> {
  const format = FIGURE_FORMATS.find((ending) => file.toLowerCase().endsWith(`.${ending}`));
  if (format) return { file, format };
  throw new AppError('USAGE', `--figure must end in .png, .svg or .html, received ${quoted(file)}`);
}
