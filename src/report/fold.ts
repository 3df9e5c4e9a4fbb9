// fold.ts: text that is wider than its place on a terminal, cut into lines between words.

import { displayWidth } from './display-width.ts';

/**
 * Lines of at most `width` columns, all of them indented as the text is. A word that is wider, such as a path, is cut where the line is
 * full.
 */
export function fold(text: string, width: number): readonly string[] {
  if (displayWidth(text) <= width) return [text];
  const words = text.trimStart();
  const indent = text.slice(0, text.length - words.length);
  return foldWords(words, Math.max(1, width - displayWidth(indent))).map((line) => indent + line);
}

function foldWords(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (displayWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = cut(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1)!;
  }
  return [...lines, line];
}

/** Pieces of a word, each as wide as there is room for; a letter and its marks stay together. */
function cut(word: string, width: number): readonly string[] {
  const pieces = [''];
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    const columns = displayWidth(segment);
    if (used > 0 && used + columns > width) {
      pieces.push('');
      used = 0;
    }
    pieces[pieces.length - 1] += segment;
    used += columns;
  }
  return pieces;
}

/** One line of statements with commas or semicolons between them as lines of at most `width` columns, the later ones indented. */
export function foldNote(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const part of text.split(/(?<=[,;]) /)) {
    const longer = line === '' ? part : `${line} ${part}`;
    if (line === '' || displayWidth(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = `  ${part}`;
    }
  }
  return [...lines, line].join('\n');
}
