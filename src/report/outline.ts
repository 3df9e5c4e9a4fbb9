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
  const fonts = new Map<string, Readonly<Record<Weight, Font>>>();
  for (const subset of needed) fonts.set(subset, await loadSubset(folder, subset));
  const fallback = fonts.get(subsetOf('?'.codePointAt(0)!)!)!;
  const fontOf = (character: string, weight: Weight = 'regular') =>
    (fonts.get(subsetOf(character.codePointAt(0)!) ?? '') ?? fallback)[weight];

  const advances = new Map<string, number>();
  const advance = (character: string, { size, weight = 'regular' }: TextStyle) => {
    const key = `${weight} ${character}`;
    let perEm = advances.get(key);
    if (perEm === undefined) {
      const font = fontOf(character, weight);
      // A glyph takes on the font's weight when it is first drawn; before, its advance is the thinnest one's.
      font.getPath(character, 0, 0, 1, { kerning: false });
      perEm = font.getAdvanceWidth(character, 1, { kerning: false });
      advances.set(key, perEm);
    }
    return perEm * size;
  };
  return {
    width: (text, style) => [...text].reduce((sum, character) => sum + advance(character, style), 0),
    path(text, x, y, style) {
      let pen = x;
      let d = '';
      for (const character of text) {
        const glyph = fontOf(character, style.weight).getPath(character, pen, y, style.size, {
          kerning: false,
        });
        d += pathData(glyph.commands);
        pen += advance(character, style);
      }
      return d;
    },
  };
}

/** The library's own `toPathData` writes NaN for some coordinates that are nearly 0. */
function pathData(commands: readonly PathCommand[]): string {
  const point = (x: number, y: number) => `${x.toFixed(2)} ${y.toFixed(2)}`;
  return commands
    .map((command) => {
      switch (command.type) {
        case 'M':
        case 'L':
          return command.type + point(command.x, command.y);
        case 'Q':
          return `Q${point(command.x1, command.y1)} ${point(command.x, command.y)}`;
        case 'C':
          return `C${point(command.x1, command.y1)} ${point(command.x2, command.y2)} ${point(command.x, command.y)}`;
        case 'Z':
          return 'Z';
        default:
          throw new Error(`unknown path command ${JSON.stringify(command satisfies never)}`);
      }
    })
    .join('');
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
  // A font has one weight at a time: advances follow the one that was set last.
  const atWeight = (wght: number) => {
    const font = opentype.parse(bytes);
    font.variation.set({ wght });
    return font;
  };
  return { regular: atWeight(WEIGHTS.regular), bold: atWeight(WEIGHTS.bold) };
}
