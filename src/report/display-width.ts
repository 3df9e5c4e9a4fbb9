// display-width.ts: how many columns of a terminal a text takes.

import stringWidth from 'string-width';

/** Of these characters, printable ASCII takes one column; CJK ideographs, their punctuation and full-width forms take two. */
const PLAIN = /^[\x20-\x7e\u3001-\u3029\u4e00-\u9fff\uff01-\uff60]*$/;

/**
 * Columns by Unicode's East Asian Width. What labels are made of is counted here, because the package for the rest (emoji,
 * combining marks) takes a twentieth of a short run to start.
 */
export function displayWidth(text: string): number {
  if (!PLAIN.test(text)) return stringWidth(text);
  let columns = 0;
  for (const character of text) columns += character <= '~' ? 1 : 2;
  return columns;
}
