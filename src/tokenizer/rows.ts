// rows.ts: the tokens of a text between those that the tokenizer puts around every text, cut to a length as transformers cuts them.

import { quoted } from '../util/quoted.ts';

/** What is used of the library's tokenizer. */
interface Tokenizer {
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean },
  ): { readonly ids: readonly number[] };
}

/** @throws Error where the tokenizer has no number for a piece, or adds more tokens than there is room for */
export function rowsOf(tokenizer: Tokenizer, texts: readonly string[], length: number): readonly number[][] {
  const { before, after } = around(tokenizer);
  const room = length - before.length - after.length;
  if (room < 1) {
    throw new Error(`it puts ${before.length + after.length} tokens around each text, and the network takes ${length} together`); // prettier-ignore
  }
  return texts.map((text) => {
    const row = [...before, ...numbersOf(tokenizer, text, false).slice(0, room), ...after];
    if (row.length === 0) throw new Error(`it makes no token of '${quoted(text, 40)}'`);
    return row;
  });
}

/** A text that every tokenizer has tokens for, to see what stands before and after it. */
const PROBE = 'a';

function around(tokenizer: Tokenizer): {
  readonly before: readonly number[];
  readonly after: readonly number[];
} {
  const own = numbersOf(tokenizer, PROBE, false);
  const whole = numbersOf(tokenizer, PROBE, true);
  const last = whole.length - own.length;
  const at = Array.from({ length: last + 1 }, (_, i) => i).find((i) =>
    own.every((id, k) => whole[i + k] === id),
  );
  if (at === undefined) {
    throw new Error('it changes a text when it adds its own tokens; expected that it puts some before and after it'); // prettier-ignore
  }
  return { before: whole.slice(0, at), after: whole.slice(at + own.length) };
}

function numbersOf(tokenizer: Tokenizer, text: string, isWhole: boolean): readonly number[] {
  const { ids } = tokenizer.encode(text, { add_special_tokens: isWhole });
  if (ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return ids;
  throw new Error('it has no number for a piece of a text, and no token for unknown pieces');
}
