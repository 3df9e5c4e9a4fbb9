// table.ts: one picture's classes as a block of lines for a terminal: rank, bar, percent, labels, aligned by display width.

import { styleText } from 'node:util';
import stringWidth from 'string-width';
import { UNKNOWN, type ClassifyResult, type Prediction } from './prediction.ts';

export interface TableOptions {
  /** Width of the terminal. */
  readonly columns: number;
  readonly colour: boolean;
  readonly labels: readonly ('en' | 'zh')[];
}

/** Narrower bars say nothing, wider ones only take room from the labels. */
const MIN_BAR = 4;
const MAX_BAR = 24;

/** A full cell and its eighths. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

type Style = Parameters<typeof styleText>[0];

export function tableBlock(result: ClassifyResult, { columns, colour, labels }: TableOptions): string {
  const paint = (style: Style, text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const file = printable(result.file);
  if ('error' in result) {
    return `${file}\n  ${paint('red', `error: ${printable(result.error.message)}`)}\n`;
  }
  const title = paint('bold', shorten(file, columns));
  if (result.predictions.length === 0) return `${title}\n  ${paint('dim', UNKNOWN)}\n`;

  const rankWidth = String(result.predictions.at(-1)!.rank).length;
  const bar = Math.max(MIN_BAR, Math.min(MAX_BAR, Math.floor((columns - 40) / 2) + MIN_BAR));
  // Two spaces before the rank and between columns, seven characters of percent.
  const room = Math.max(8, columns - (2 + rankWidth + 2 + bar + 2 + 7 + 2));
  const names = labelColumns(result.predictions, labels, room);
  const lines = result.predictions.map(({ rank, probability }, i) => {
    const percent = `${(probability * 100).toFixed(2)}%`.padStart(7);
    const blocks = paint('cyan', barOf(probability, bar));
    return `  ${String(rank).padStart(rankWidth)}  ${blocks}  ${percent}  ${names[i]!}`.trimEnd();
  });
  return `${title}\n${lines.join('\n')}\n`;
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
  // A model without Chinese names is shown under its own, whatever was asked for.
  const wantsEn = languages.includes('en') || !hasZh;
  const english = predictions.map(({ label }) => (wantsEn ? printable(label) : ''));
  if (!wantsEn || !hasZh) return (wantsEn ? english : chinese).map((text) => shorten(text, room));
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => stringWidth(text)));
  const zhWidth = Math.min(widest(chinese), Math.max(Math.floor(room / 2) - 2, 4));
  const enWidth = Math.min(widest(english), Math.max(room - zhWidth - 2, 4));
  return english.map((text, i) => {
    const shown = shorten(text, enWidth);
    return `${shown}${' '.repeat(enWidth - stringWidth(shown))}  ${shorten(chinese[i]!, zhWidth)}`;
  });
}

function barOf(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = EIGHTHS[eighths % 8]!;
  return '█'.repeat(full) + part + ' '.repeat(width - full - (part ? 1 : 0));
}

/** At most `width` columns, the cut marked by an ellipsis. */
export function shorten(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let shown = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(shown + segment) > width - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

/** Names come from anywhere: characters that drive a terminal, or turn text around, are shown as their codes. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}
