// texts.ts: lines and cells of random words, and their bytes in the encodings that people have.

import type { Rng } from '../../src/util/rng.ts';
import { damaged, hostileText, pick } from './mutate.ts';

const WORDS = [
  'tench',
  'gold fish',
  '犬',
  'п',
  'n01440764',
  '0',
  '1',
  '2',
  'cat',
  'a.jpg',
  'b.jpg',
  'train',
  'val',
  'file',
  'label',
  'names:',
  'id',
];

const word = (rng: Rng) => (rng.chance(0.85) ? pick(rng, WORDS) : hostileText(rng));

/** Rows of words, with one separator and one kind of line end more often than not. */
export function table(rng: Rng): string {
  const separator = pick(rng, [',', ';', '\t', ' ', ': ', '|']);
  const end = pick(rng, ['\n', '\r\n', '\r', '\0']);
  const width = 1 + rng.integer(4);
  const cell = (row: number, column: number) => {
    if (column === 0 && rng.chance(0.3)) return String(row);
    const text = word(rng);
    return rng.chance(0.1) ? `"${text}"` : text;
  };
  const rows = Array.from({ length: rng.integer(8) }, (_, row) =>
    Array.from({ length: rng.chance(0.9) ? width : rng.integer(6) }, (_, column) => cell(row, column)),
  );
  return rows.map((row) => row.join(rng.chance(0.97) ? separator : word(rng))).join(end);
}

/** A list or dictionary as JSON, Python or YAML writes it. */
export function literal(rng: Rng, depth = 0): string {
  const inner = () => (depth > 3 ? quotedWord(rng) : literal(rng, depth + 1));
  const several = () =>
    Array.from(
      { length: rng.integer(4) },
      (_, i) => [rng.chance(0.7) ? String(i) : quotedWord(rng), inner()] as const,
    );
  switch (depth === 0 ? rng.integer(3) : rng.integer(6)) {
    case 0:
      return `[${several().map(([, value]) => value).join(', ')}]`; // prettier-ignore
    case 1:
      return `{${several().map(([key, value]) => `${rng.chance(0.5) ? `"${key.replaceAll('"', '')}"` : key}: ${value}`).join(', ')}}`; // prettier-ignore
    case 2:
      return depth > 0 ? `(${inner()},)` : `${pick(rng, ['names', 'id2label', 'x', 'path'])}:\n${several().map(([key, value]) => `  ${key}: ${value}\n`).join('')}`; // prettier-ignore
    default:
      return rng.chance(0.3)
        ? pick(rng, ['None', 'True', 'null', '1', '-2.5e3', '0x1f', '&a', '*a', '!!js/function', '1_000'])
        : quotedWord(rng);
  }
}

function quotedWord(rng: Rng): string {
  const quote = pick(rng, ['"', "'"]);
  return `${pick(rng, ['', '', '', 'u', 'rb'])}${quote}${word(rng)}${quote}`;
}

type Encode = (text: string) => Buffer;

const ENCODINGS: readonly Encode[] = [
  (text) => Buffer.from(text),
  (text) => Buffer.from(text),
  (text) => Buffer.from(`\ufeff${text}`),
  (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  (text) => Buffer.from(text, 'utf16le'),
  (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  (text) => Buffer.from(text, 'latin1'),
  // GB18030 and Shift_JIS of a few characters, between the others.
  (text) => Buffer.concat([Buffer.from('\xc8\xae\xb9\xb7\x82\xa0', 'latin1'), Buffer.from(text, 'latin1')]),
];

export function encoded(text: string, rng: Rng): Buffer {
  const bytes = pick(rng, ENCODINGS)(text);
  return rng.chance(0.3) ? damaged(bytes, rng, 1 + rng.integer(2)) : bytes;
}
