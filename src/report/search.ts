// search.ts: what `search` found, as a table, as JSON, and as one HTML page with the pictures. Returns strings, prints nothing.

import { escapeXml, htmlPage } from './page.ts';
import { printable } from '../util/quoted.ts';
import { formatTable } from './text-table.ts';
import { printableJson } from '../util/quoted.ts';

interface FoundPicture {
  /** From 1. */
  readonly rank: number;
  /** Row number in the features, from 0. */
  readonly row: number;
  readonly file: string;
  readonly className: string;
  /** Cosine, -1…1. */
  readonly similarity: number;
}

export type SearchResult =
  | {
      /** A picture, or words. */
      readonly query: string;
      readonly isWords?: boolean;
      readonly results: readonly FoundPicture[];
    }
  | { readonly query: string; readonly error: { readonly code: string; readonly message: string } };

export function searchTable(results: readonly SearchResult[], columns?: number): string {
  return results
    .map((result) => {
      const title = printable(result.query);
      if ('error' in result) return `${title}: error: ${printable(result.error.message)}\n`;
      const rows = result.results.map(({ rank, similarity, file, className }) => [
        `  ${rank}`,
        similarity.toFixed(4),
        printable(file),
        printable(className),
      ]);
      return `${title}\n${formatTable(rows, { right: [0, 1], columns })}`;
    })
    .join('');
}

/** One JSON array with an object for each query, in the order of the queries. */
export function searchJson(results: readonly SearchResult[]): string {
  const objects = results.map((result) => {
    const { query } = result;
    if ('error' in result)
      return { query, error: { code: result.error.code, message: result.error.message } };
    return { query, results: result.results.map(foundObject) };
  });
  return `[${objects.map((object) => `\n${printableJson(object)}`).join(',')}\n]\n`;
}

/** A picture that was found, as an object of JSON. */
export function foundObject({ rank, row, file, className, similarity }: FoundPicture) {
  return { rank, row, file, class: className, similarity: Math.round(similarity * 1e6) / 1e6 };
}

export interface SearchPage {
  readonly features: string;
  readonly topk: number;
  /** Data URIs by file; a picture that no longer exists has none. */
  readonly thumbnails: ReadonlyMap<string, string>;
}

const STYLE = `body { max-width: 76rem; }
header { padding: 1.5rem 0 0; }
h1 { margin: 0; font-size: 1.4rem; }
header p { margin: 0.2rem 0 0; color: var(--faint); font-size: 0.9rem; overflow-wrap: anywhere; }
section { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 1.5rem; padding: 1.5rem 0;
  border-bottom: 1px solid var(--rule); }
section:last-child { border: 0; }
.found { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; align-content: start; }
figure { margin: 0; min-width: 0; }
.frame { display: flex; align-items: center; justify-content: center; aspect-ratio: 1; border-radius: 4px;
  background: var(--track); overflow: hidden; color: var(--faint); font-size: 0.8rem; }
.frame img { display: block; max-width: 100%; max-height: 100%; }
.query h2 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.query .frame { outline: 3px solid var(--bar); }
figcaption { margin-top: 0.35rem; font-size: 0.8rem; overflow-wrap: anywhere; }
figcaption b { font-weight: 600; font-variant-numeric: tabular-nums; }
figcaption span { display: block; color: var(--faint); }
@media (max-width: 40rem) { section { grid-template-columns: 1fr; } .query { max-width: 13rem; } }`;

export function searchHtml(results: readonly SearchResult[], page: SearchPage): string {
  const title = results.length === 1 ? `Nearest to ${nameOf(results[0]!)}` : `${results.length} queries`;
  const sections = results.map((result) => {
    const name = escapeXml(printable(nameOf(result)));
    const query = isWords(result) ? `<h2>${name}</h2>` : figure(result.query, page, `<b>${name}</b>`);
    const found =
      'error' in result
        ? `<p>${escapeXml(printable(result.error.message))}</p>`
        : result.results.map((picture) => foundFigure(picture, page)).join('\n');
    return `<section>\n<div class="query">${query}</div>\n<div class="found">\n${found}\n</div>\n</section>`;
  });
  const header = `<header><h1>${escapeXml(printable(title))}</h1><p>the ${page.topk} nearest pictures in ${escapeXml(printable(page.features))}, by cosine similarity</p></header>`;
  return htmlPage(printable(title), STYLE, [header, ...sections].join('\n'));
}

const isWords = (result: SearchResult) => 'results' in result && result.isWords === true;
const nameOf = (result: SearchResult) => (isWords(result) ? result.query : baseName(result.query));

function foundFigure({ file, className, similarity }: FoundPicture, page: SearchPage): string {
  const name = `<span>${escapeXml(printable(baseName(file)))}</span>`;
  const group = className === '' ? '' : ` ${escapeXml(printable(className))}`;
  return figure(file, page, `<b>${similarity.toFixed(4)}</b>${group}${name}`);
}

/** @param caption HTML */
function figure(file: string, { thumbnails }: SearchPage, caption: string): string {
  const uri = thumbnails.get(file);
  const name = escapeXml(printable(file));
  const inside = uri === undefined ? 'not here any more' : `<img src="${escapeXml(uri)}" alt="${name}">`;
  return `<figure title="${name}"><div class="frame">${inside}</div><figcaption>${caption}</figcaption></figure>`;
}

const baseName = (file: string) => file.split(/[/\\]/).at(-1) || file;
