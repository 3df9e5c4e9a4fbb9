// parts.ts: what report pages are made of: sections, figures in large type, tables, sheets of pictures. Strings in, HTML
// out; everything that is said is escaped here.

import { escapeXml } from './page.ts';

/** CSS of all of them. */
export const PARTS_STYLE = `h1 { margin: 2rem 0 0; font-size: 1.5rem; overflow-wrap: anywhere; }
.about { margin: 0.2rem 0 1.5rem; font-size: 0.85rem; color: var(--faint); overflow-wrap: anywhere; }
section { padding: 1.2rem 0 1.6rem; border-top: 1px solid var(--rule); }
h2 { margin: 0 0 0.8rem; font-size: 1.1rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: 1.2rem; margin-bottom: 1.6rem; }
.figures b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.figures span { color: var(--faint); font-size: 0.8rem; }
svg { display: block; max-width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--faint); }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
svg .cell { fill: var(--ink); }
svg .rule { stroke: var(--rule); }
svg .dash { stroke: var(--faint); stroke-dasharray: 4 4; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 1.2rem 0.25rem 0; text-align: left; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
th { color: var(--faint); font-weight: 400; }
tr + tr td { border-top: 1px solid var(--rule); }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; }
figure { margin: 0; font-size: 0.78rem; min-width: 0; }
figure img { width: 100%; height: 9rem; object-fit: contain; border-radius: 4px; background: var(--track); }
figcaption { margin-top: 0.3rem; overflow-wrap: anywhere; }
figcaption span { display: block; color: var(--faint); }`;

export function heading(title: string, about: string): string {
  return `<h1>${escapeXml(title)}</h1>\n<p class="about">${escapeXml(about)}</p>`;
}

/** @param content HTML. Returns an empty string for empty content. */
export function section(title: string, content: string | undefined): string {
  if (content === undefined || content === '') return '';
  return `<section>\n<h2>${escapeXml(title)}</h2>\n<div class="wide">${content}</div>\n</section>`;
}

/** Name, value, and a short remark on it. */
export function largeFigures(figures: readonly (readonly [string, string, string])[]): string {
  const items = figures.map(
    ([name, value, about]) =>
      `<div><span>${escapeXml(name)}</span><b>${escapeXml(value)}</b><span>${escapeXml(about)}</span></div>`,
  );
  return `<div class="figures">${items.join('\n')}</div>`;
}

/** Numbers as reports write them; a column that contains only these is aligned to the right. */
const FIGURE = /^(-?[\d.]+( %)?|–?)$/;

/** The first row is the header. */
export function htmlTable([header = [], ...rows]: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const isNumber = header.map((_, column) => rows.every((row) => FIGURE.test(row[column] ?? '')));
  const line = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell, i) => `<${tag}${isNumber[i] ? ' class="number"' : ''}>${escapeXml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>\n${[line(header, 'th'), ...rows.map((row) => line(row, 'td'))].join('\n')}\n</table>`;
}

export interface Tile {
  /** Shown when the pointer rests on the picture: the file. */
  readonly title: string;
  readonly picture: { readonly dataUri: string; readonly width: number; readonly height: number };
  /** The first line is dark, the others are fainter. */
  readonly lines: readonly string[];
}

/** Pictures side by side with a few words under each. */
export function contactSheet(tiles: readonly Tile[]): string {
  if (tiles.length === 0) return '';
  const figures = tiles.map(
    ({ title, picture: { dataUri, width, height }, lines: [first = '', ...rest] }) => {
      const words = [breakable(first), ...rest.map((line) => `<span>${breakable(line)}</span>`)].join('');
      const name = escapeXml(title);
      return `<figure title="${name}"><img src="${escapeXml(dataUri)}" width="${width}" height="${height}" alt="${name}"><figcaption>${words}</figcaption></figure>`;
    },
  );
  return `<div class="sheet">\n${figures.join('\n')}\n</div>`;
}

/** Class names are often words joined by _: a line may break after each _. */
function breakable(text: string): string {
  return escapeXml(text).replaceAll('_', '_<wbr>');
}
