// table.ts: one picture's classes as a block of lines for a terminal: rank, bar, percent, labels, aligned by display width.

import { styleText } from 'node:util';
import { printable } from '../util/quoted.ts';
import { displayWidth } from './display-width.ts';
import { UNKNOWN, type ClassifyResult, type Prediction } from './prediction.ts';

export interface TableOptions {
  /** Width of the terminal. */
  readonly columns: number;
  readonly colour: boolean;
  readonly labels: readonly ('en' | 'zh')[];
}

/** Narrower bars show too little, and wider ones only take space from the labels. */
const MIN_BAR = 4;
const MAX_BAR = 24;

/** The bar's share of the columns that a terminal has beyond `NARROW`. */
const BAR_SHARE = 0.3;
const NARROW = 40;

/** The layout does not adapt to fewer columns than these (some terminals report 0): lines wrap. */
const MIN_COLUMNS = 32;

/** A full cell and its eighths. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

type Style = Parameters<typeof styleText>[0];

/** The lines of one picture, each at most `columns` wide; an error is one line that may wrap, so that it is shown in full. */
export function tableBlock(result: ClassifyResult, { columns: given, colour, labels }: TableOptions): string {
  const columns = Math.max(MIN_COLUMNS, given);
  const paint = (style: Style, text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const file = printable(result.file) + (result.time === undefined ? '' : ` at ${result.time} s`);
  if ('error' in result) {
    return `${paint('bold', file)}: ${paint('red', `error: ${printable(result.error.message)}`)}\n`;
  }
  const title = paint('bold', shortenStart(file, columns));
  if (result.predictions.length === 0) return `${title}\n  ${paint('dim', UNKNOWN)}\n`;

  const rankWidth = String(result.predictions.at(-1)!.rank).length;
  const bar = Math.max(MIN_BAR, Math.min(MAX_BAR, MIN_BAR + Math.floor((columns - NARROW) * BAR_SHARE)));
  // Two spaces before the rank and between columns, seven characters of percent.
  const room = Math.max(8, columns - (2 + rankWidth + 2 + bar + 2 + 7 + 2));
  const names = labelColumns(result.predictions, labels, room);
  const lines = result.predictions.map(({ rank, probability }, i) => {
    const percent = `${(probability * 100).toFixed(2)}%`.padStart(7);
    const blocks = paint('cyan', barOf(probability, bar));
    return `  ${String(rank).padStart(rankWidth)}  ${blocks}  ${percent}  ${names[i]!}`.trimEnd();
  });
  const unlike = result.unknown
    ? `  ${paint('dim', `${UNKNOWN}: unlike all classes; the nearest are`)}\n`
    : '';
  return `${title}\n${unlike}${lines.join('\n')}\n`;
}

/** The labels of every row in columns; where both languages are shown, English first and Chinese aligned behind it. */
function labelColumns(
  predictions: readonly Prediction[],
  languages: TableOptions['labels'],
  room: number,
): readonly string[] {
  const wantsZh = languages.includes('zh');
  const chinese = predictions.map(({ labelZh = '' }) => (wantsZh ? printable(labelZh) : ''));
  const hasZh = chinese.some((text) => text !== '');
  // A model without Chinese names is shown with its own names, whatever language was asked for.
  const wantsEn = languages.includes('en') || !hasZh;
  const english = predictions.map(({ label }) => (wantsEn ? printable(label) : ''));
  if (!wantsEn || !hasZh) return (wantsEn ? english : chinese).map((text) => shorten(text, room));
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => displayWidth(text)));
  const zhWidth = Math.min(widest(chinese), Math.max(Math.floor(room / 2) - 2, 4));
  const enWidth = Math.min(widest(english), Math.max(room - zhWidth - 2, 4));
  return english.map((text, i) => {
    const shown = shorten(text, enWidth);
    return `${shown}${' '.repeat(enWidth - displayWidth(shown))}  ${shorten(chinese[i]!, zhWidth)}`;
  });
}

function barOf(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = EIGHTHS[eighths % 8]!;
  return '█'.repeat(full) + part + ' '.repeat(width - full - (part ? 1 : 0));
}

/** The text in at most `width` columns; a cut at the end is marked by an ellipsis. */
export function shorten(text: string, width: number): string {
  return displayWidth(text) <= width ? text : `${widestPart(graphemes(text), width - 1).join('')}…`;
}

/** The same, cut at the start: the most useful part of a path is the file's name. */
export function shortenStart(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return `…${widestPart(graphemes(text).reverse(), width - 1)
    .reverse()
    .join('')}`;
}

/** As many characters from the front as fit. */
function widestPart(segments: readonly string[], room: number): string[] {
  let left = room;
  let count = 0;
  for (const segment of segments) {
    left -= displayWidth(segment);
    if (left < 0) break;
    count += 1;
  }
  return segments.slice(0, count);
}

const graphemes = (text: string) => Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
