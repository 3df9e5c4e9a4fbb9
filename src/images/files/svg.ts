// svg.ts: estimates from its text alone how much work a drawing is, before anything is drawn. It draws nothing.

import { AppError } from '../../util/errors.ts';

/** Elements that are drawn; reused ones count each time. A million of them take gigabytes and half a minute. */
const MAX_ELEMENTS = 100_000;
/** Each step of a filter computes every pixel, so it counts as this many elements. */
const FILTER_STEP = 1000;
/** The largest size that entities may expand the text to, in characters. */
const MAX_ENTITY_CHARACTERS = 2 ** 20;
/** Pixels of all the pictures inside the drawing together. */
const MAX_EMBEDDED_PIXELS = 64 * 1024 * 1024;

const tooComplex = (what: string) =>
  new AppError('IMAGE_TOO_LARGE', `the drawing ${what}; convert it to PNG with the program that made it`);

interface Element {
  readonly cost: number;
  readonly children: Element[];
  /** References to what the element is drawn with: used elements, patterns, masks, markers, filters. */
  readonly references: readonly string[];
  /** Whether the element is drawn again for each element that refers to it, and not at its own place. */
  readonly isTemplate: boolean;
  /** Cost with all elements inside it and all that it refers to; absent until it is known, NaN while it is being counted. */
  total?: number;
}

const TEMPLATES = /^(defs|symbol|pattern|mask|clipPath|marker|filter|linearGradient|radialGradient)$/;

/**
 * @param pixelsOf the size of an embedded picture, undefined where it is not known
 * @throws AppError IMAGE_TOO_LARGE
 */
export function checkDrawing(bytes: Buffer, pixelsOf: (bytes: Buffer) => number | undefined): void {
  const text = bytes.toString('latin1');
  checkEntities(text);
  const { root, byId } = elementsOf(text);
  const total = totalOf(root, byId);
  if (total > MAX_ELEMENTS) {
    const much = Number.isFinite(total) ? Math.round(total).toLocaleString('en') : 'endlessly many';
    throw tooComplex(`has ${much} elements to draw, expected at most ${MAX_ELEMENTS.toLocaleString('en')}`);
  }
  let pixels = 0;
  for (const [, data = ''] of text.matchAll(/data:image\/[^;,"']{1,20};base64,\s*([\w+/=\s]*)/g)) {
    pixels += pixelsOf(Buffer.from(data, 'base64')) ?? 0;
    if (pixels > MAX_EMBEDDED_PIXELS) {
      throw tooComplex(`holds pictures of more than ${MAX_EMBEDDED_PIXELS} pixels`);
    }
  }
}

/** Nested entities grow exponentially; plain ones grow with the number of their uses. */
function checkEntities(text: string): void {
  const sizes = new Map<string, number>();
  for (let at = text.indexOf(ENTITY); at >= 0; at = text.indexOf(ENTITY, at + 1)) {
    const [, name, quote] =
      /^\s+([\w.-]{1,200})\s+(["'])/.exec(text.slice(at + ENTITY.length, at + 300)) ?? [];
    if (name === undefined || quote === undefined) continue;
    const begin = text.indexOf(quote, at) + 1;
    const value = text.slice(begin, text.indexOf(quote, begin));
    if (/&(?!#)/.test(value)) throw tooComplex('has entities within entities');
    sizes.set(name, value.length);
    at = begin + value.length;
  }
  if (sizes.size === 0) return;
  let characters = 0;
  for (const [, name] of text.matchAll(/&([\w.-]{1,200});/g)) characters += sizes.get(name!) ?? 0;
  if (characters > MAX_ENTITY_CHARACTERS) throw tooComplex(`has entities of ${characters} characters`);
}

const ENTITY = '<!ENTITY';

/** Text to skip between tags: how it begins and ends. */
const BETWEEN = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
] as const;

/** Each tag from its < to its >, in one pass whatever the text is. */
function* tagsOf(text: string): Generator<string, void, undefined> {
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const between = BETWEEN.find(([begin]) => text.startsWith(begin, at));
    const end = between ? text.indexOf(between[1], at + between[0].length) : tagEnd(text, at + 1);
    if (end < 0) return;
    if (!between) yield text.slice(at, end + 1);
    at = end + 1;
  }
}

/** The position of the first > outside quotes; -1 where there is none. */
function tagEnd(text: string, from: number): number {
  const next = /["'>]/g;
  next.lastIndex = from;
  for (let found = next.exec(text); found; found = next.exec(text)) {
    if (found[0] === '>') return found.index;
    const close = text.indexOf(found[0], found.index + 1);
    if (close < 0) return -1;
    next.lastIndex = close + 1;
  }
  return -1;
}

function elementsOf(text: string): { readonly root: Element; readonly byId: ReadonlyMap<string, Element> } {
  const root: Element = { cost: 0, children: [], references: [], isTemplate: false };
  const byId = new Map<string, Element>();
  const open = [root];
  let count = 0;
  for (const tag of tagsOf(text)) {
    if (tag.startsWith('</')) {
      if (open.length > 1) open.pop();
      continue;
    }
    if (++count > MAX_ELEMENTS)
      throw tooComplex(`has more than ${MAX_ELEMENTS.toLocaleString('en')} elements`);
    const name = /^<(?:[\w.-]{1,100}:)?([\w.-]{1,100})/.exec(tag)?.[1] ?? '';
    const element: Element = {
      cost: /^fe[A-Z]/.test(name) ? FILTER_STEP : 1,
      children: [],
      references: referencesOf(tag),
      isTemplate: TEMPLATES.test(name),
    };
    const id = /\s(?:xml:)?id\s*=\s*["']([^"']*)/.exec(tag)?.[1];
    if (id !== undefined && !byId.has(id)) byId.set(id, element);
    open.at(-1)!.children.push(element);
    if (!tag.endsWith('/>')) open.push(element);
  }
  return { root, byId };
}

function referencesOf(tag: string): readonly string[] {
  if (!tag.includes('#')) return [];
  return [...tag.matchAll(/(?:href\s*=\s*["']\s*|url\(\s*["']?)#([^"')\s]+)/g)].map(([, id]) => id!);
}

/** No recursion is used, because elements may be nested a hundred thousand deep. */
function totalOf(root: Element, byId: ReadonlyMap<string, Element>): number {
  const partsOf = ({ children, references }: Element) => [
    ...children.filter((child) => !child.isTemplate),
    ...references.flatMap((id) => byId.get(id) ?? []),
  ];
  const stack = [root];
  while (stack.length > 0) {
    const element = stack.at(-1)!;
    if (element.total === undefined) {
      element.total = NaN;
      for (const part of partsOf(element)) if (part.total === undefined) stack.push(part);
      continue;
    }
    stack.pop();
    if (!Number.isNaN(element.total)) continue;
    // A part that is still being counted refers back to this element. Renderers stop there, and so does the sum.
    element.total = partsOf(element).reduce((sum, part) => sum + (part.total || 0), element.cost);
  }
  return root.total!;
}
