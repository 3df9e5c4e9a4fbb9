// outline.ts: text -> SVG paths, so that a figure reads the same on every machine, with or without Chinese fonts.
// The font is Noto Sans SC (OFL-1.1) from its npm package: a hundred small files by range of characters, fetched as needed.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import opentype, { type Font } from 'opentype.js';
import wawoff2 from 'wawoff2';

const PACKAGE = '@fontsource-variable/noto-sans-sc';

/** Values of the font's weight axis. */
export const WEIGHTS = { regular: 400, bold: 650 } as const;
export type Weight = keyof typeof WEIGHTS;

export interface TextStyle {
  /** Height of the em square, in units of the drawing. */
  readonly size: number;
  readonly weight?: Weight;
}

/** Draws the texts it was made for. */
export interface Outliner {
  /** Width of a text in units of the drawing. */
  width(text: string, style: TextStyle): number;
  /** `d` of a path: the text begins at `x`, its baseline is `y`. */
  path(text: string, x: number, y: number, style: TextStyle): string;
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly subset: string;
}

/** Loads what the characters of these texts need; others are drawn as the font's box for what is missing. */
export async function createOutliner(texts: Iterable<string>): Promise<Outliner> {
  const folder = path.dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  const ranges = await readRanges(path.join(folder, 'unicode.json'));
  const subsetOf = (code: number) => ranges.find(({ first, last }) => code >= first && code <= last)?.subset;
  const characters = new Set(['?', '…']);
  for (const text of texts) for (const character of text) characters.add(character);
  const needed = new Set([...characters].flatMap((character) => subsetOf(character.codePointAt(0)!) ?? []));
  const fonts = new Map<string, Font>();
  for (const subset of needed) fonts.set(subset, await loadSubset(folder, subset));
  const fallback = fonts.get(subsetOf('?'.codePointAt(0)!)!)!;
  const fontOf = (character: string) => fonts.get(subsetOf(character.codePointAt(0)!) ?? '') ?? fallback;

  const advance = (character: string, { size, weight = 'regular' }: TextStyle) => {
    const font = fontOf(character);
    const variation = { wght: WEIGHTS[weight] };
    return font.getAdvanceWidth(character, size, { variation, kerning: false });
  };
  return {
    width: (text, style) => [...text].reduce((sum, character) => sum + advance(character, style), 0),
    path(text, x, y, style) {
      const variation = { wght: WEIGHTS[style.weight ?? 'regular'] };
      let pen = x;
      let d = '';
      for (const character of text) {
        const options = { variation, kerning: false };
        d += fontOf(character).getPath(character, pen, y, style.size, options).toPathData(2);
        pen += advance(character, style);
      }
      return d;
    },
  };
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

async function loadSubset(folder: string, subset: string): Promise<Font> {
  const file = path.join(folder, 'files', `noto-sans-sc-${subset}-wght-normal.woff2`);
  const font = await wawoff2.decompress(await readFile(file));
  return opentype.parse(font.buffer.slice(font.byteOffset, font.byteOffset + font.byteLength) as ArrayBuffer);
}
