// confusion.ts: a confusion matrix as SVG. Rows are true classes, columns are predictions; a cell is shaded by its share of the
// row. Up to 40 classes have their names beside it; more are an overview with class numbers.

import { displayWidth } from './display-width.ts';
import { escapeXml, isolated } from './page.ts';
import { printable } from '../util/quoted.ts';

/** More classes than these are cells that nobody can see. */
export const MAX_MATRIX_CLASSES = 250;
/** With more classes than these, names would be smaller than a reader can read. */
const NAMED_CLASSES = 40;
/** With more classes than these, names do not fit on a narrow screen. */
const NARROW_CLASSES = 24;

/** Units of the drawing. A page shows them 1.5 times as large, or as large as a narrow screen allows. */
const SCALE = 1.5;
const SIDE = { named: 240, overview: 400 } as const;
const CELL = { least: 10, most: 60 } as const;
/** Of a name: columns at most, and the units that a column takes on a narrow screen. */
const NAME = { columns: 20, unit: 6.5 } as const;
const TITLE_ROOM = 16;
const NUMBER_ROOM = 36;
/** A cell of fewer units has no room for its count on a narrow screen. */
const ROOMY_CELL = 16;
const LARGE_CELL = 22;

/** Counts are written on these in ink, on the last in the colour of the paper: readable on each, on light and dark paper. */
export const SHADE_OPACITIES = [0.35, 0.45, 0.55, 1] as const;
/** Cells without counts. */
const OVERVIEW_OPACITIES = [0.55, 0.7, 0.85, 1] as const;

const shades = (matrix: string, opacities: readonly number[]) =>
  opacities.map((opacity, i) => `${matrix} .s${i} { fill-opacity: ${opacity}; }`).join('\n');

export const CONFUSION_STYLE = `.matrix text { font-size: 9px; fill: var(--ink); }
.matrix .axis { fill: var(--faint); }
.matrix .right { fill: var(--bar); }
.matrix .wrong { fill: var(--wrong); }
.matrix .count { font-size: 7px; text-anchor: middle; }
.matrix .large { font-size: 10px; }
.matrix .strong { fill: var(--paper); }
.crowded .number, .crowded + .number { display: none; }
${shades('.matrix', SHADE_OPACITIES)}
${shades('.matrix.overview', OVERVIEW_OPACITIES)}
@media (max-width: 40rem) {
  .matrix text { font-size: 10.5px; }
  .matrix.small .count, .crowded .name { display: none; }
  .crowded .number, .crowded + .number { display: revert; }
  .matrix.overview text { font-size: 14px; }
  .matrix.crowded text { font-size: 17px; }
}`;

/** The shares of a row at which a cell becomes a shade darker. */
const SHADES = [0.1, 0.3, 0.6] as const;

const shadeOf = (share: number) => SHADES.filter((from) => share > from).length;

/** Undefined where there are too many classes, or none. @param names of the classes, in the order of rows and columns */
export function confusionMatrix(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
): string | undefined {
  const count = matrix.length;
  if (count === 0 || count > MAX_MATRIX_CLASSES) return undefined;
  const isNamed = count <= NAMED_CLASSES;
  const cell = isNamed
    ? Math.min(CELL.most, Math.max(CELL.least, Math.floor(SIDE.named / count)))
    : SIDE.overview / count;
  const shown = names.map((name) => cut(printable(name), NAME.columns));
  const widest = Math.max(...shown.map((name) => displayWidth(name)));
  const room = isNamed ? Math.ceil(widest * NAME.unit) + 8 : NUMBER_ROOM;
  const isCrowded = isNamed && count > NARROW_CLASSES;
  const place: Place = { left: TITLE_ROOM + room, top: 4, cell, side: cell * count };
  const { left, top, side } = place;
  const parts = [
    `<rect x="${left}" y="${top}" width="${side}" height="${side}" style="fill:var(--track)"/>`,
    ...cells(matrix, names, place),
    ...(isNamed ? nameLabels(shown, place) : []),
    ...(isCrowded || !isNamed ? numberLabels(count, place) : []),
    ...axisTitles(place, top + side + room),
  ];
  const [width, height] = [left + side + 8, top + side + room + TITLE_ROOM];
  const kind = ['matrix', !isNamed && 'overview', cell < ROOMY_CELL && 'small', isCrowded && 'crowded']
    .filter(Boolean)
    .join(' ');
  return `<svg class="${kind}" viewBox="0 0 ${width} ${height}" width="${width * SCALE}" height="${height * SCALE}" role="img" aria-label="confusion matrix">\n${parts.join('\n')}\n</svg>`;
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly side: number;
}

function cells(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
  { left, top, cell }: Place,
): readonly string[] {
  const gap = cell >= 6 ? 1 : 0;
  const size = (cell - gap).toFixed(2);
  return matrix.flatMap((row, i) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.flatMap((value, j) => {
      if (value === 0) return [];
      const [x, y] = [left + j * cell, top + i * cell];
      const shade = shadeOf(value / total);
      const title = `${isolated(names[i]!)} taken for ${isolated(names[j]!)}: ${value} of ${total}`;
      const box = `<rect class="${i === j ? 'right' : 'wrong'} s${shade}" x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${size}" height="${size}"><title>${escapeXml(title)}</title></rect>`;
      if (cell < CELL.least || `${value}`.length * 4.5 > cell) return [box];
      const strong = shade === SHADES.length ? ' strong' : '';
      const large = cell > LARGE_CELL ? ' large' : '';
      return [box, text(x + cell / 2, y + cell / 2 + 2.5, `${value}`, `count${strong}${large}`)];
    });
  });
}

function nameLabels(shown: readonly string[], { left, top, cell, side }: Place): readonly string[] {
  return shown.flatMap((name, i) => {
    const middle = (i + 0.5) * cell;
    const [x, y] = [left + middle + 3, top + side + 5];
    return [
      text(left - 4, top + middle + 3, name, 'name end'),
      text(x, y, name, 'name end', ` transform="rotate(-90 ${x.toFixed(1)} ${y.toFixed(1)})"`),
    ];
  });
}

/** Numbers of classes, from 1. */
function numberLabels(count: number, { left, top, cell, side }: Place): readonly string[] {
  const step = count > 100 ? 25 : 10;
  const numbers = [1, ...Array.from({ length: Math.floor(count / step) }, (_, i) => (i + 1) * step)];
  return numbers.flatMap((number) => {
    const middle = (number - 0.5) * cell;
    return [
      text(left - 4, top + middle + 3, `${number}`, 'axis number end'),
      text(left + middle, top + side + 14, `${number}`, 'axis number mid'),
    ];
  });
}

function axisTitles({ left, top, side }: Place, bottom: number): readonly string[] {
  const [x, y] = [10, top + side / 2];
  return [
    text(x, y, 'true class', 'axis mid', ` transform="rotate(-90 ${x} ${y.toFixed(1)})"`),
    text(left + side / 2, bottom + 12, 'predicted class', 'axis mid'),
  ];
}

const text = (x: number, y: number, content: string, kind: string, more = '') =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${escapeXml(content)}</text>`;

function cut(name: string, most: number): string {
  if (displayWidth(name) <= most) return name;
  const characters = [...name];
  while (displayWidth(characters.join('')) >= most) characters.pop();
  return `${characters.join('')}…`;
}
