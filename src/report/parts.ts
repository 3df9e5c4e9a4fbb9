// parts.ts: what report pages are made of: sections, figures in large type, tables, sheets of pictures. Strings in, HTML
// out; everything that is said is escaped here.

import { breakable, escapeXml, isolated, nameHtml } from './page.ts';

/** CSS of all of them. */
export const PARTS_STYLE = `h1 { margin: 2rem 0 0; font-size: 1.5rem; overflow-wrap: anywhere; }
.about { margin: 0.2rem 0 1.5rem; font-size: 0.85rem; color: var(--faint); overflow-wrap: anywhere; }
section { padding: 1.2rem 0 1.6rem; border-top: 1px solid var(--rule); }
section p { overflow-wrap: anywhere; }
h2 { margin: 0 0 0.8rem; font-size: 1.1rem; overflow-wrap: anywhere; }
.none, .hint { margin: 0; color: var(--faint); font-size: 0.85rem; }
.hint { margin-top: 0.6rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: 1.2rem; margin-bottom: 1.6rem; }
.figures b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.figures span { color: var(--faint); font-size: 0.8rem; }
svg { display: block; max-width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--faint); unicode-bidi: isolate; }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
svg .rule { stroke: var(--rule); }
svg .dash { stroke: var(--faint); stroke-dasharray: 4 4; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.4rem 2rem; }
.charts svg { width: 100%; max-width: 30rem; }
.charts figcaption { margin: 0 0 0.3rem; font-size: 0.85rem; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 1.2rem 0.25rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
td:not(.number) { min-width: 5.5rem; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
th.number { overflow-wrap: break-word; }
th { color: var(--faint); font-weight: 400; }
tr + tr td { border-top: 1px solid var(--rule); }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; }
figure { margin: 0; font-size: 0.78rem; min-width: 0; }
figure img { width: 100%; height: 9rem; object-fit: contain; border-radius: 4px; background: var(--track); }
.sheet figcaption { margin-top: 0.3rem; overflow-wrap: anywhere; }
.sheet figcaption span { display: block; color: var(--faint); }
footer { padding: 1.2rem 0 2rem; border-top: 1px solid var(--rule); color: var(--faint); font-size: 0.8rem; }
@media (max-width: 40rem) {
  th, td { padding-right: 0.6rem; }
  th:last-child, td:last-child { padding-right: 0; }
  .many, .many tbody { display: block; }
  .many tr { display: grid; grid-template-columns: repeat(auto-fit, minmax(3.2rem, 1fr)); }
  .many th, .many td { border: 0; min-width: 0; text-align: left; white-space: normal; }
  .many th { font-size: 0.7rem; overflow-wrap: normal; }
  .many tr > :first-child { grid-column: 1 / -1; }
  .many tr + tr { border-top: 1px solid var(--rule); }
  .named tr { grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); padding: 0.3rem 0; }
  .named tr:first-child, .named td:empty { display: none; }
  .named .long { grid-column: 1 / -1; }
  .named td::before { content: attr(data-name); display: block; color: var(--faint); font-size: 0.75rem; }
}`;

/** Names from outside are `isolated` by the caller, here and wherever they stand in a text of ours. */
export function heading(title: string, about: string): string {
  return `<h1>${breakable(title)}</h1>\n<p class="about">${escapeXml(about)}</p>`;
}

/** @param content HTML. Where it is empty the section says `none`; without that it is left out. */
export function section(title: string, content: string, none?: string): string {
  const shown = content === '' && none !== undefined ? `<p class="none">${escapeXml(none)}</p>` : content;
  return shown === '' ? '' : `<section>\n<h2>${breakable(title)}</h2>\n${shown}\n</section>`;
}

/** A chart, and what it shows in words above it. */
export interface Chart {
  readonly caption: string;
  readonly svg: string;
}

/** Charts side by side, one above the other on a narrow screen. */
export function charts(all: readonly Chart[]): string {
  if (all.length === 0) return '';
  const figures = all.map(
    ({ caption, svg }) => `<figure><figcaption>${escapeXml(caption)}</figcaption>${svg}</figure>`,
  );
  return `<div class="charts">\n${figures.join('\n')}\n</div>`;
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
const FIGURE = /^(-?[\d.,]+( %)?|–?)$/;

/**
 * A table of more columns than these has each row's first cell on a line of its own on a narrow screen. Where others than that are text,
 * the row's cells stand under each other too, each with the name of its column.
 */
const MAX_NARROW_COLUMNS = 5;
/** A longer text has a line of its own there. In characters. */
const LONG_TEXT = 40;

/** Text, or links to pages beside this one. */
export type Cell = string | { readonly links: readonly { readonly text: string; readonly href: string }[] };

/** The first row is the header. */
export function htmlTable([header = [], ...rows]: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '';
  const isFigure = (cell: Cell) => typeof cell === 'string' && FIGURE.test(cell);
  const isNumber = header.map((_, column) => rows.every((row) => isFigure(row[column] ?? '')));
  const isMany = header.length > MAX_NARROW_COLUMNS;
  const isNamed = isMany && isNumber.slice(1).includes(false);
  const attributes = (cell: Cell, i: number) => {
    const kind = isNumber[i] ? 'number' : isNamed && textOf(cell).length > LONG_TEXT ? 'long' : '';
    const name = isNamed ? ` data-name="${escapeXml(textOf(header[i] ?? ''))}"` : '';
    return `${kind === '' ? '' : ` class="${kind}"`}${name}`;
  };
  const line = (cells: readonly Cell[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell, i) => `<${tag}${attributes(cell, i)}>${cellHtml(cell, isNumber[i])}</${tag}>`).join('')}</tr>`;
  const kind = isMany ? ` class="many${isNamed ? ' named' : ''}"` : '';
  return `<table${kind}>\n${[line(header, 'th'), ...rows.map((row) => line(row, 'td'))].join('\n')}\n</table>`;
}

const textOf = (cell: Cell) => (typeof cell === 'string' ? cell : '');

function cellHtml(cell: Cell, isNumber = false): string {
  if (cell === '') return '';
  if (typeof cell === 'string') return isNumber ? escapeXml(cell) : nameHtml(cell);
  return cell.links.map(({ text, href }) => `<a href="${escapeXml(href)}">${escapeXml(text)}</a>`).join(', ');
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
      const name = escapeXml(isolated(title));
      return `<figure title="${name}"><img src="${escapeXml(dataUri)}" width="${width}" height="${height}" alt="${name}"><figcaption>${words}</figcaption></figure>`;
    },
  );
  return `<div class="sheet">\n${figures.join('\n')}\n</div>`;
}

/** When a page was made, of what, and how long that took. */
export interface Made {
  readonly version: string;
  readonly date: Date;
  /** Of the work that the page is about. */
  readonly seconds: number;
}

export function footer({ version, date, seconds }: Made): string {
  const at = `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return `<footer>finch ${escapeXml(version)}, ${at}, took ${duration(seconds)}</footer>`;
}

/** Of a page that is the same whenever it is made. */
export function versionFooter(version: string): string {
  return `<footer>finch ${escapeXml(version)}</footer>`;
}

/** `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
