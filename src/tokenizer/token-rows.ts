// token-rows.ts: rows of tokens of different lengths -> rows of one length, as a network was trained with them. Pure functions.

/** How texts become rows of tokens. */
export interface TokenRows {
  /** A longer text loses its end; what the tokenizer puts before and after it stays. */
  readonly length: number;
  /** `length`: every row is that long. `longest`: as long as the longest row of its batch. */
  readonly padded: 'length' | 'longest';
  readonly side: 'left' | 'right';
  /** The token that fills up. */
  readonly pad: number;
  /** `text`: the tokens that fill up do not count. `all`: the network was trained to see them. */
  readonly attended: 'text' | 'all';
}

/** The largest vocabulary in use, 256,000 pieces with the pairs that make them, takes 34 MB. */
export const MAX_TOKENIZER_BYTES = 128 * 1024 ** 2;
/** More tokens than any network that compares pictures with words takes. */
export const MAX_TOKENS = 4096;

/** @param rows none of them longer than `length` */
export function padRows(
  rows: readonly (readonly number[])[],
  { length, padded, side, pad, attended }: TokenRows,
): { readonly tokens: readonly (readonly number[])[]; readonly mask: readonly (readonly number[])[] } {
  const width = padded === 'length' ? length : Math.max(...rows.map((row) => row.length));
  const filled = (row: readonly number[], by: number) => {
    const rest = Array.from({ length: width - row.length }, () => by);
    return side === 'right' ? [...row, ...rest] : [...rest, ...row];
  };
  return {
    tokens: rows.map((row) => filled(row, pad)),
    mask: rows.map((row) =>
      filled(
        Array.from(row, () => 1),
        attended === 'all' ? 1 : 0,
      ),
    ),
  };
}
