// parse.ts: text of a flag -> a value within its limits. The message names the flag, what it takes and what was received.

import path from 'node:path';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { Rgb } from '../util/preprocessing.ts';

/** The most pictures in one run or step; beyond this no device gets faster and memory runs out. */
export const MAX_BATCH = 1024;

/** What a flag has to be, for the message when it is not. */
export interface NumberRule {
  readonly flag: string;
  readonly min: number;
  readonly max?: number;
  /** `min` itself is not allowed. */
  readonly above?: boolean;
  readonly whole?: boolean;
  /** A mistake that people make, and what they meant. */
  readonly hint?: (value: number) => string | undefined;
}

/** @throws AppError USAGE: `--crop must be above 0 and at most 1, received 87 (did you mean 0.87?)` */
export function parseNumber(text: string, rule: NumberRule): number {
  const { flag, min, max, above = false, whole = false, hint } = rule;
  const value = text.trim() === '' ? NaN : Number(text);
  const inside =
    Number.isFinite(value) && (above ? value > min : value >= min) && (max === undefined || value <= max);
  if (inside && (!whole || Number.isSafeInteger(value))) return value;
  const kind = whole ? 'a whole number' : '';
  const low = above ? `above ${min}` : `at least ${min}`;
  const range = max === undefined ? low : `${low} and at most ${max}`;
  const meant = hint?.(value);
  throw new AppError(
    'USAGE',
    `${flag} must be ${[kind, range].filter(Boolean).join(' ')}, received ${quoted(text)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
  );
}

/** @throws AppError USAGE with the values that are known */
export function parseChoice<T extends string>(text: string, flag: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found) return found;
  throw new AppError('USAGE', `${flag} must be one of ${choices.join(', ')}, received ${quoted(text)}`);
}

/** Numbers separated by commas. @throws AppError USAGE as `parseNumber` */
export function parseNumbers(text: string, rule: NumberRule): readonly number[] {
  return text.split(',').map((part) => parseNumber(part, rule));
}

/** One number for all channels, or three. */
export function parseRgb(text: string, flag: string, rule: Omit<NumberRule, 'flag'>): Rgb {
  const values = parseNumbers(text, { flag, ...rule });
  if (values.length === 1) return [values[0]!, values[0]!, values[0]!];
  if (values.length === 3) return values as unknown as Rgb;
  throw new AppError(
    'USAGE',
    `${flag} must be one number or three separated by commas, received ${quoted(text)}`,
  );
}

/** @returns `otherwise` where the flag was not given */
export function numberOr(text: string | undefined, otherwise: number, rule: NumberRule): number {
  return text === undefined ? otherwise : parseNumber(text, rule);
}

/** 87 -> 0.87, for flags that are shares. */
export function asShare(value: number): string | undefined {
  return value > 1 && value <= 100 ? `${value / 100}` : undefined;
}

/** The name of an html file. @throws AppError USAGE when it ends otherwise */
export function htmlFile(file: string, flag: string): string {
  if (/\.html?$/i.test(file)) return file;
  throw new AppError('USAGE', `${flag} must end in .html, received ${quoted(file)}`);
}

/** @throws AppError USAGE */
export function csvFile(file: string, flag: string): string {
  if (/\.csv$/i.test(file)) return file;
  throw new AppError('USAGE', `${flag} must end in .csv, received ${file}`);
}

/**
 * Whether `--csv-safe` was given.
 * @param csvs what writes csv, and whether it was asked for. @throws AppError USAGE when nothing does
 */
export function csvSafe(
  { csvSafe: isSafe = false }: { readonly csvSafe?: boolean },
  csvs: Readonly<Record<string, boolean>>,
): boolean {
  if (!isSafe || Object.values(csvs).some(Boolean)) return isSafe;
  throw new AppError(
    'USAGE',
    `--csv-safe belongs to ${Object.keys(csvs).join(' or ')}, which was not given; leave it out or add that`,
  );
}

/** `--out page.html` (or `.htm`) means html where `--format` is not given; the first format is the default. @throws AppError USAGE where they differ */
export function reportFormat<T extends string>(
  { format, out }: { readonly format?: string | undefined; readonly out?: string | undefined },
  formats: readonly [T, ...T[]],
): T {
  const named = out?.toLowerCase().replace(/\.htm$/, '.html');
  const ending = formats.find((known) => named?.endsWith(`.${known}`));
  if (format === undefined) return ending ?? formats[0];
  const chosen = parseChoice(format, '--format', formats);
  if (ending === undefined || ending === chosen) return chosen;
  throw new AppError('USAGE', `--out ${quoted(out!)} ends in ${path.extname(out!)}, received --format ${chosen}; leave one of them out`); // prettier-ignore
}
