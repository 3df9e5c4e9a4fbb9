// outline.ts: text -> SVG paths, so that a figure reads the same on every machine, with or without Chinese fonts.
// The font is Noto Sans SC (OFL-1.1) from its npm package: a hundred small files by range of characters, fetched as needed.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import opentype, { type Font, type PathCommand } from 'opentype.js';
import wawoff2 from 'wawoff2';

const PACKAGE = '@fontsource-variable/noto-sans-sc';

/** Values of the font's weight axis. */
const WEIGHTS = { regular: 400, bold: 650 } as const;
type Weight = keyof typeof WEIGHTS;

export interface TextStyle {
  /** Height of the em square, in units of the drawing. */
  readonly size: number;
  readonly weight?: Weight;
}

/** Draws the texts that it was created for. */
export interface Outliner {
  /** Width of a text in units of the drawing. */
  width(text: string, style: TextStyle): number;
  /** `d` and `transform` of a path: the text begins at `x`, its baseline is `y`. Empty `d`: nothing to see. */
  path(text: string, x: number, y: number, style: TextStyle): TextPath;
}

interface TextPath {
  readonly d: string;
  readonly transform: string;
}

/** A character's outline at size `EM`: where it begins, and the rest in relative commands, so that it can stand anywhere. */
interface Outline {
  readonly x: number;
  readonly y: number;
  /** Empty for a character without an outline, such as a space. */
  readonly data: string;
}

interface Glyph extends Outline {
  readonly advance: number;
}

/** The font's own grid: outlines are integers on it, which keeps paths short. */
const EM = 1000;

interface Range {
  readonly first: number;
  readonly last: number;
  readonly subset: string;
}

/** Loads the font files for the characters of these texts; other characters are drawn as the font's missing-character box. */
export async function createOutliner(texts: Iterable<string>): Promise<Outliner> {
  const folder = path.dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  const ranges = await readRanges(path.join(folder, 'unicode.json'));
  const subsetOf = (code: number) => ranges.find(({ first, last }) => code >= first && code <= last)?.subset;
  const characters = new Set(['?']);
  for (const text of texts) for (const character of drawable(text)) characters.add(character);
  const needed = new Set([...characters].flatMap((character) => subsetOf(character.codePointAt(0)!) ?? []));
  const fonts = new Map<string, Readonly<Record<Weight, Font>>>();
  for (const subset of needed) fonts.set(subset, await loadSubset(folder, subset));
  const fallback = fonts.get(subsetOf('?'.codePointAt(0)!)!)!;

  const glyphs = new Map<string, Glyph>();
  const glyphOf = (character: string, weight: Weight) => {
    const key = `${weight} ${character}`;
    let glyph = glyphs.get(key);
    if (glyph === undefined) {
      const font = (fonts.get(subsetOf(character.codePointAt(0)!) ?? '') ?? fallback)[weight];
      // The glyph is drawn first, because only then it takes the font's weight; before, it has the thinnest weight's advance.
      const { commands } = font.getPath(character, 0, 0, EM, { kerning: false });
      const advance = font.getAdvanceWidth(character, EM, { kerning: false });
      glyph = { advance, ...outlineOf(commands) };
      glyphs.set(key, glyph);
    }
    return glyph;
  };
  return {
    width(text, { size, weight = 'regular' }) {
      let width = 0;
      for (const character of drawable(text)) width += glyphOf(character, weight).advance;
      return (width * size) / EM;
    },
    path(text, x, y, { size, weight = 'regular' }) {
      let pen = 0;
      let d = '';
      for (const character of drawable(text)) {
        const { advance, x: left, y: top, data } = glyphOf(character, weight);
        if (data !== '') d += `M${Math.round(pen + left)} ${top}${data}`;
        pen += advance;
      }
      return { d, transform: `translate(${Number(x.toFixed(2))} ${y}) scale(${size / EM})` };
    },
  };
}

/** Text as the font expects it: accents composed (macOS decomposes them in file names), without invisible characters. */
function drawable(text: string): string {
  return text.normalize('NFC').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
}

/** Points are rounded to the grid before differences are taken, so that rounding errors do not add up. */
function outlineOf([first, ...commands]: readonly PathCommand[]): Outline {
  if (first?.type !== 'M') return { x: 0, y: 0, data: '' };
  const origin = { x: Math.round(first.x), y: Math.round(first.y) };
  let start = origin;
  let current = origin;
  const from = (x: number, y: number) => `${Math.round(x) - current.x} ${Math.round(y) - current.y}`;
  let data = '';
  for (const command of commands) {
    switch (command.type) {
      case 'M':
      case 'L':
        data += command.type.toLowerCase() + from(command.x, command.y);
        break;
      case 'Q':
        data += `q${from(command.x1, command.y1)} ${from(command.x, command.y)}`;
        break;
      case 'C':
        data += `c${from(command.x1, command.y1)} ${from(command.x2, command.y2)} ${from(command.x, command.y)}`;
        break;
      case 'Z':
        data += 'z';
        current = start;
        continue;
      default:
        throw new Error(`unknown path command ${JSON.stringify(command satisfies never)}`);
    }
    current = { x: Math.round(command.x), y: Math.round(command.y) };
    if (command.type === 'M') start = current;
  }
  return { ...origin, data };
}

/** `{"[4]": "U+1f1e9-1f1f5,U+1f232,…", "latin": "…"}` -> ranges, in the order in which CSS would prefer them: latin first. */
async function readRanges(file: string): Promise<readonly Range[]> {
  const subsets = JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, string>>;
  return Object.entries(subsets)
    .reverse()
    .flatMap(([name, list]) =>
      list.split(',').map((range) => {
        const [first = 0, last = first] = range
          .replace(/^U\+/i, '')
          .split('-')
          .map((digits) => parseInt(digits, 16));
        return { first, last, subset: name.replace(/^\[|\]$/g, '') };
      }),
    );
}

async function loadSubset(folder: string, subset: string): Promise<Readonly<Record<Weight, Font>>> {
  const file = path.join(folder, 'files', `noto-sans-sc-${subset}-wght-normal.woff2`);
  const { buffer, byteOffset, byteLength } = await wawoff2.decompress(await readFile(file));
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  // A font has one weight at a time: advances follow the weight that was set last.
  const atWeight = (wght: number) => {
    const font = opentype.parse(bytes);
    font.variation.set({ wght });
    return font;
  };
  return { regular: atWeight(WEIGHTS.regular), bold: atWeight(WEIGHTS.bold) };
}
