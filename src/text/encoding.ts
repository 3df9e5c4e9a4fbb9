// encoding.ts: bytes -> text. Unicode is recognised by its byte order mark or by its form. Of older encodings the likeliest is
// used, and the user should be told. Bytes that are not text have no encoding.

/** Encodings that TextDecoder knows by these names. */
export type Encoding =
  | 'utf-8'
  | 'utf-16le'
  | 'utf-16be'
  | 'gb18030'
  | 'big5'
  | 'euc-kr'
  | 'euc-jp'
  | 'shift_jis'
  | 'iso-2022-jp'
  | 'windows-1251'
  | 'koi8-r'
  | 'windows-1252';

/** The name of each guessed encoding in messages. Unicode is certain and needs none. */
const GUESSES: Readonly<Partial<Record<Encoding, string>>> = {
  gb18030: 'GB18030 (Chinese)',
  big5: 'Big5 (traditional Chinese)',
  'euc-kr': 'EUC-KR (Korean)',
  'euc-jp': 'EUC-JP (Japanese)',
  shift_jis: 'Shift_JIS (Japanese)',
  'iso-2022-jp': 'ISO-2022-JP (Japanese)',
  'windows-1251': 'Windows-1251 (Cyrillic)',
  'koi8-r': 'KOI8-R (Cyrillic)',
  'windows-1252': 'Windows-1252 (Western European)',
};

/** A remark for the user about a text's encoding; undefined where it is certain. */
export function encodingRemark(encoding: Encoding): string | undefined {
  const name = GUESSES[encoding];
  return name === undefined
    ? undefined
    : `is not UTF-8 and is read as ${name}; if names look wrong, save it as UTF-8`;
}

/** Text and how it was read; undefined when the bytes are not text. A byte order mark is not part of the text. */
export function decodeText(
  bytes: Uint8Array,
): { readonly text: string; readonly encoding: Encoding } | undefined {
  const encoding = encodingOf(bytes);
  if (!encoding) return undefined;
  const decode = textDecoder(encoding);
  return { text: decode(bytes) + decode(), encoding };
}

/**
 * Decodes a text that comes in parts; without a part, what is left of the last one. A byte order mark is not part of the text.
 * @param isStrict whether bytes that are not of the encoding are an error, a TypeError, and not replaced
 */
export function textDecoder(
  encoding: Encoding,
  { isStrict = false }: { readonly isStrict?: boolean } = {},
): (part?: Uint8Array) => string {
  const decoder = new TextDecoder(encoding, { fatal: isStrict });
  return (part) => {
    const text = decoder.decode(part, { stream: part !== undefined });
    if (encoding !== 'windows-1252') return text;
    return text.replace(/[\x80-\x9f]/g, (c) => BEYOND_LATIN1[c.charCodeAt(0) - 0x80]!);
  };
}

/** 0x80 to 0x9F in Windows-1252, which some versions of Node decode as the control characters of ISO-8859-1. */
const BEYOND_LATIN1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/**
 * The encoding of a text that begins with `head`, which may end within a character. A NUL in UTF-8 is allowed, because it
 * separates the paths of some lists.
 * @returns undefined when it is not text
 */
export function encodingOf(head: Uint8Array): Encoding | undefined {
  const [a, b, c, d] = head;
  // UTF-32, which nobody writes and no decoder here reads.
  if (a === 0xff && b === 0xfe && c === 0 && d === 0) return undefined;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  const wide = wideEncoding(head);
  if (wide) return wide;
  if (head.filter((byte) => byte === 0).length * 2 > head.length) return undefined;
  if (JAPANESE_SHIFT.test(Buffer.from(head).toString('latin1'))) return 'iso-2022-jp';
  if (fits(head, 'utf-8') || isNearlyUtf8(head)) return 'utf-8';
  return head.some(isControl) ? undefined : olderEncoding(head);
}

/** A change to two-byte characters and back, in a text of seven bits. */
const JAPANESE_SHIFT = /^[\x01-\x7f]*?\x1b\$[@B][\x21-\x7e]*\x1b\([BJ]/;

/** UTF-16 without a byte order mark: the zero bytes of Latin letters, digits and line ends are all at even or at odd places. */
function wideEncoding(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const zeros = [0, 0];
  head.forEach((byte, i) => {
    if (byte === 0) zeros[i % 2]! += 1;
  });
  const [even, odd] = zeros as [number, number];
  if (even + odd === 0 || (even > 0 && odd > 0)) return undefined;
  const encoding = odd > 0 ? 'utf-16le' : 'utf-16be';
  // The text is mostly Latin letters, or has other letters whose bytes are no text in UTF-8.
  const isLikely = (even + odd) * 4 > head.length || head.some(isControl) || !fits(head, 'utf-8');
  return isLikely && fits(head, encoding) && !hasControls(new TextDecoder(encoding).decode(head))
    ? encoding
    : undefined;
}

/** Characters that no text contains: controls, and code points that Unicode has not assigned to a character. */
const hasControls = (text: string) => /[\0-\x08\x0e-\x1a\x1c-\x1f\p{Cn}\p{Co}\p{Cs}]/u.test(text);

/** Bytes that no text contains. Escape occurs in some texts, and NUL between the paths of a list. */
const isControl = (byte: number) =>
  (byte > 0 && byte < 0x09) || (byte > 0x0d && byte < 0x20 && byte !== 0x1b);

/** Whether bytes, which may end within a character, are all of an encoding. */
export function fits(bytes: Uint8Array, encoding: Encoding): boolean {
  try {
    // The last character may be cut, so the bytes are decoded as a stream.
    new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Accepts a long text with a few broken letters; valid characters of three bytes and more are hardly ever chance. */
function isNearlyUtf8(bytes: Uint8Array): boolean {
  const text = new TextDecoder('utf-8').decode(bytes);
  const broken = text.match(/\ufffd/g)?.length ?? 0;
  const long = text.match(/[\u0800-\ud7ff\ue000-\ufffc]/g)?.length ?? 0;
  return long >= 20 * broken;
}

/** Of fewer characters it cannot be told whether they are Korean or Chinese. */
const MIN_HANGUL = 12;

/** The older encoding that fits best. */
function olderEncoding(bytes: Uint8Array): Encoding {
  const pairs = pairsOf(bytes);
  const share = (test: (lead: number, trail: number) => boolean) =>
    pairs.filter(([lead, trail]) => test(lead, trail)).length / Math.max(1, pairs.length);
  // Kana begin with 0x82 and 0x83.
  if (fits(bytes, 'shift_jis') && share((lead) => lead === 0x82 || lead === 0x83) >= 0.5) return 'shift_jis';
  // Names in kanji alone: those in daily use begin with 0x88 to 0x97. As accented letters they would stand among plain ones.
  if (fits(bytes, 'shift_jis') && share((lead) => lead >= 0x88 && lead <= 0x97) >= 0.7 && !isAmongLetters(bytes)) return 'shift_jis'; // prettier-ignore
  // Kana are in rows A4 and A5.
  if (fits(bytes, 'euc-jp') && share((lead) => lead === 0xa4 || lead === 0xa5) >= 0.4) return 'euc-jp';
  // Hangul are in rows B0 to C8. Of Chinese characters as many are in the rows behind these.
  const isHangul = pairs.length >= MIN_HANGUL && share((lead) => lead >= 0xb0 && lead <= 0xc8) >= 0.98;
  if (fits(bytes, 'euc-kr') && isHangul) return 'euc-kr';
  // The characters in daily use are in rows B0 to D7 of GB 2312; rows AA to AF and those from F8 are empty.
  const isEmptyRow = (lead: number, trail: number) => trail >= 0xa1 && ((lead >= 0xaa && lead <= 0xaf) || lead >= 0xf8); // prettier-ignore
  const isCommon = (lead: number, trail: number) => lead >= 0xb0 && lead <= 0xd7 && trail >= 0xa1;
  if (fits(bytes, 'gb18030') && share(isEmptyRow) === 0 && share(isCommon) >= 0.4) return 'gb18030';
  if (fits(bytes, 'big5') && share((lead) => lead >= 0xa4 && lead <= 0xc6) >= 0.7) return 'big5';
  // Words in Cyrillic letters are runs of high bytes; accented letters stand alone among plain Latin letters.
  const text = Buffer.from(bytes).toString('latin1');
  const inRuns = text.match(/[\xc0-\xff\xa8\xb8]{3,}/g)?.join('').length ?? 0;
  const high = text.match(/[\x80-\xff]/g)?.length ?? 0;
  if (inRuns * 2 <= high) return 'windows-1252';
  // Lower-case а, е, и, о in KOI8-R; upper-case А, Е, И, О and lower-case а, е, и, о in Windows-1251.
  const koi8 = text.match(/[\xc1\xc5\xc9\xcf]/g)?.length ?? 0;
  const windows = text.match(/[\xc0\xc5\xc8\xce\xe0\xe5\xe8\xee]/g)?.length ?? 0;
  return koi8 > windows ? 'koi8-r' : 'windows-1251';
}

/** Whether a Latin letter touches a byte that is none, or the byte behind that. */
function isAmongLetters(bytes: Uint8Array): boolean {
  return /[A-Za-z][\x80-\xff]|[\x80-\xff][^][A-Za-z]/.test(Buffer.from(bytes).toString('latin1'));
}

/** The two-byte characters, if the text is in an encoding that has them. */
function pairsOf(bytes: Uint8Array): readonly (readonly [number, number])[] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < bytes.length - 1; i++) {
    if (bytes[i]! < 0x80) continue;
    pairs.push([bytes[i]!, bytes[i + 1]!]);
    i += 1;
  }
  return pairs;
}
