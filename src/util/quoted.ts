// quoted.ts: text from outside as a message may show it: on one line, of bounded length, and without characters that a terminal
// would obey.

/** What a message quotes at most of a name or a value, in characters. */
export const MAX_QUOTED = 200;

/**
 * Controls (C0, DEL, C1), line and paragraph separators, characters that reverse text or are invisible, and halves of surrogate
 * pairs. The joiners of emoji and of Indic scripts (U+200C, U+200D) are part of what is read.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text with every unprintable character written as its escape: `\x1b`, `\u202e` or `\u{e0041}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    if (code > 0xffff) return `\\u{${hex(code, 5)}}`;
    return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
  });
}

/**
 * JSON whose texts have every unprintable character as JSON's own escape, `\u009b`, so that it is the same value and harmless on a
 * terminal.
 */
export function printableJson(value: unknown, indent?: number): string {
  const escape = (unit: string) => `\\u${hex(unit.charCodeAt(0), 4)}`;
  // A character outside the basic plane has two units.
  return JSON.stringify(value, undefined, indent).replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : character.split('').map(escape).join(''),
  );
}

/** The same for a text of several lines, which stay lines. */
export const printableLines = (text: string) => text.split('\n').map(printable).join('\n');

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0');

/** The text, printable, and cut with `…` where it is longer than `limit` characters. */
export function quoted(text: string, limit = MAX_QUOTED): string {
  const whole = printable(text.slice(0, limit + 1));
  if (whole.length <= limit) return whole;
  let shown = '';
  for (const character of text) {
    const longer = shown + printable(character);
    if (longer.length >= limit) break;
    shown = longer;
  }
  return `${shown}…`;
}

/** How deep, and how many members of a list or an object, `quotedValue` shows. */
const SHOWN_DEPTH = 3;
const SHOWN_MEMBERS = 8;

/** A value of any size and depth as JSON, cut where it is long: `[1,2,…]`. `nothing` where there is none. */
export function quotedValue(value: unknown, limit = 60): string {
  return quoted(render(value, limit, SHOWN_DEPTH), limit);
}

function render(value: unknown, limit: number, depth: number): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `"${value.slice(0, limit)}"`;
  if (typeof value === 'bigint')
    return `${value < 2n ** 64n && value > -(2n ** 64n) ? value : 'a long number'}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object' || value === null) return 'null';
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  if (depth === 0) return `${open}…${close}`;
  // No more of a long list than is shown: its keys alone would take memory.
  const beginning = isList ? (value as readonly unknown[]).slice(0, SHOWN_MEMBERS + 1) : value;
  const members: string[] = [];
  for (const key in beginning) {
    if (!Object.hasOwn(beginning, key)) continue;
    if (members.length === SHOWN_MEMBERS) {
      members.push('…');
      break;
    }
    const item = render((beginning as Readonly<Record<string, unknown>>)[key], limit, depth - 1);
    members.push(isList ? item : `"${key.slice(0, limit)}":${item}`);
  }
  return `${open}${members.join(',')}${close}`;
}
