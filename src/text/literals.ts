// literals.ts: lists and dictionaries as JSON and Python write them -> plain data. It reads only literals: nothing is evaluated.

/** The values that a text may hold. Dictionaries are maps, so that no key is special. */
export type Literal = string | number | boolean | null | readonly Literal[] | ReadonlyMap<string, Literal>;

/** Lists of class names are at most a few levels deep; a deeper one would only use up the stack. */
const MAX_DEPTH = 32;

/** A number, a word, or a mark. */
const TOKEN =
  /(?<number>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?<word>[A-Za-z_]\w*)|(?<mark>[[\]{}(),:])/y;

/** The beginning of a string: Python's letters before the quote are allowed. */
const OPENING = /[bBrRuU]{0,2}["']/y;

const WORDS: Readonly<Record<string, boolean | null>> = {
  true: true, True: true, false: false, False: false, null: null, None: null,
}; // prettier-ignore

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}' };

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '\n': '' };

/** Whether a text begins as a list or a dictionary, perhaps after `name =`. */
export function startsLiteral(text: string): boolean {
  return /^(?:[\w. ]{1,60}=)?\s*[[{(]/.test(text.trimStart());
}

/** @throws SyntaxError that says what was found and where */
export function parseLiteral(text: string): Literal {
  const reader = new Reader(
    text
      .trimStart()
      .replace(/^[\w. ]{1,60}=/, '')
      .trimEnd()
      .replace(/;$/, ''),
  );
  const value = reader.value(0);
  reader.expectEnd();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;
  #token: Record<string, string | undefined> = {};

  constructor(text: string) {
    this.#text = text;
    this.#next();
  }

  value(depth: number): Literal {
    if (depth > MAX_DEPTH) throw this.#error(`more than ${MAX_DEPTH} levels`);
    const { body, number, word, mark } = this.#token;
    if (body !== undefined) return this.#string();
    if (number !== undefined) return this.#take(Number(number.replaceAll('_', '')));
    if (word !== undefined && Object.hasOwn(WORDS, word)) return this.#take(WORDS[word]!);
    if (mark === '{') return this.#dictionary(depth);
    if (mark === '[' || mark === '(') return this.#list(mark, depth);
    throw this.#error('a value was expected');
  }

  expectEnd(): void {
    if (Object.keys(this.#token).length > 0) throw this.#error('nothing more was expected');
  }

  #list(open: string, depth: number): Literal {
    const items: Literal[] = [];
    this.#next();
    while (!this.#isMark(CLOSING[open]!)) {
      items.push(this.value(depth + 1));
      this.#separate(CLOSING[open]!);
    }
    return this.#take(items);
  }

  #dictionary(depth: number): Literal {
    const entries = new Map<string, Literal>();
    this.#next();
    while (!this.#isMark('}')) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') throw this.#error('a key was expected');
      if (entries.has(String(key))) throw this.#error(`key ${key} is there twice`);
      if (!this.#isMark(':')) throw this.#error('":" was expected');
      this.#next();
      entries.set(String(key), this.value(depth + 1));
      this.#separate('}');
    }
    return this.#take(entries);
  }

  /** Reads a comma, which may also stand before the closing mark. */
  #separate(closing: string): void {
    if (this.#isMark(',')) this.#next();
    else if (!this.#isMark(closing)) throw this.#error(`"," or "${closing}" was expected`);
  }

  /** Adjacent strings are joined, as in Python. */
  #string(): string {
    let text = '';
    while (this.#token['body'] !== undefined) {
      const { prefix = '', body } = this.#token;
      text += /r/i.test(prefix) ? body : unescaped(body);
      this.#next();
    }
    return text;
  }

  #isMark(mark: string): boolean {
    return this.#token['mark'] === mark;
  }

  #take<T>(value: T): T {
    this.#next();
    return value;
  }

  #next(): void {
    this.#at = this.#skipBlanks(this.#at);
    this.#token = {};
    if (this.#at === this.#text.length) return;
    const opening = this.#match(OPENING);
    if (opening) this.#token = { prefix: opening[0].slice(0, -1), body: this.#body(opening[0].at(-1)!) };
    else this.#token = this.#match(TOKEN)?.groups ?? {};
    if (Object.keys(this.#token).length === 0) throw this.#error('this is neither JSON nor a Python literal');
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  /** Reads up to the quote that closes the string. */
  #body(quote: string): string {
    const start = this.#at;
    let end = start;
    while (end < this.#text.length && this.#text[end] !== quote) end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) throw this.#error('a string does not end');
    this.#at = end + 1;
    return this.#text.slice(start, end);
  }

  /** Comments are skipped like blanks. */
  #skipBlanks(from: number): number {
    let at = from;
    while (at < this.#text.length) {
      if (this.#text[at] === '#') {
        const end = this.#text.indexOf('\n', at);
        at = end < 0 ? this.#text.length : end;
      } else if (/\s/.test(this.#text[at]!)) at += 1;
      else break;
    }
    return at;
  }

  #error(problem: string): SyntaxError {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    return new SyntaxError(`${problem} in line ${line}`);
  }
}

function unescaped(body: string): string {
  return body.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(\r\n|[^]))/gi,
    (whole, two: string | undefined, four?: string, eight?: string, single?: string) => {
      const hex = two ?? four ?? eight;
      if (hex === undefined) return ESCAPES[single!] ?? (/[xuU]/.test(single!) ? whole : single!);
      const code = Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
