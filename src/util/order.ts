// order.ts: text in one order everywhere: by code point, as Python's `sorted` does. Not by language.

/** For `sort`. JavaScript's own order is by UTF-16 unit, which puts U+10000 and above before U+E000. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) {
      // Surrogates stand for code points above all others.
      const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
      return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    }
  }
  return a.length - b.length;
}
