// inspection-page.ts: an inspection as one HTML page, with the pictures in question.

import {
  className,
  conflict,
  nearNotes,
  type DatasetPicture,
  type Inspection,
  type LabelSuspect,
} from './inspection.ts';
import { escapeXml, htmlPage } from './page.ts';
import { printable } from './table.ts';

/** The page shows this many of each problem; `--list` has all. */
const MAX_SHOWN = 60;

/** Data URIs by file; a picture that cannot be shown has none. */
export type Thumbnails = ReadonlyMap<string, string>;

/** The pictures that the page shows. */
export function shownPictures(inspection: Inspection): readonly string[] {
  const { leaks, exactDuplicates, nearDuplicates, suspectLabels } = inspection;
  const groups: readonly (readonly { readonly pictures: readonly DatasetPicture[] }[])[] = [
    leaks,
    exactDuplicates,
    nearDuplicates,
  ];
  const shown = groups.flatMap((found) => found.slice(0, MAX_SHOWN));
  return [
    ...new Set([
      ...shown.flatMap(({ pictures }) => pictures.map(({ file }) => file)),
      ...suspectLabels.slice(0, MAX_SHOWN).flatMap(({ file, neighbours }) => [file, ...neighbours]),
    ]),
  ];
}

const STYLE = `body { max-width: 76rem; }
h1 { margin: 1.5rem 0 0; font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.6rem; font-size: 1.1rem; }
h2 small, .none { color: var(--faint); font-weight: 400; font-size: 0.9rem; }
dl { display: flex; flex-wrap: wrap; gap: 0.8rem 2.2rem; margin: 1rem 0 0; }
dt { color: var(--faint); font-size: 0.8rem; }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
td { padding: 0.15rem 0.8rem 0.15rem 0; overflow-wrap: anywhere; }
td.count { text-align: right; color: var(--faint); font-variant-numeric: tabular-nums; white-space: nowrap; }
td.bar { width: 55%; padding: 0; }
td.bar div { height: 10px; border-radius: 5px; background: var(--bar); min-width: 2px; }
.problems { display: flex; flex-wrap: wrap; gap: 1rem; }
.problem { padding: 0.6rem; border: 1px solid var(--rule); border-radius: 6px; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.problem > p { margin: 0.3rem 0 0; font-size: 0.8rem; color: var(--faint); max-width: 24rem; }
figure { margin: 0; width: 8.5rem; }
figure.small { width: 5.5rem; }
.frame { display: flex; align-items: center; justify-content: center; aspect-ratio: 1; border-radius: 4px;
  background: var(--track); overflow: hidden; color: var(--faint); font-size: 0.75rem; }
.frame img { display: block; max-width: 100%; max-height: 100%; }
figcaption { margin-top: 0.25rem; font-size: 0.72rem; overflow-wrap: anywhere; }
footer { margin: 2rem 0; color: var(--faint); font-size: 0.8rem; }`;

export function inspectionHtml(inspection: Inspection, thumbnails: Thumbnails): string {
  const { folder, leaks, exactDuplicates, nearDuplicates, unreadable } = inspection;
  const show = (pictures: readonly DatasetPicture[]) =>
    row(pictures.map((picture) => figure(picture.file, thumbnails, placeText(picture))));
  const body = [
    `<h1>${text(folder)}</h1>`,
    summary(inspection),
    classes(inspection),
    problems('The same picture in several splits', leaks, ({ kind, pictures }) => [show(pictures), kind]),
    problems(
      'Labels that look wrong',
      inspection.suspectLabels,
      (suspect) => suspectBlock(suspect, thumbnails),
      inspection.suspectCount,
    ),
    problems('Exact duplicates', exactDuplicates, (group) => [
      show(group.pictures),
      conflict(group).join('; '),
    ]),
    problems('Near duplicates', nearDuplicates, (pair) => [
      show(pair.pictures),
      [`similarity ${pair.similarity.toFixed(3)}`, ...nearNotes(pair)].join('; '),
    ]),
    unreadableTable(unreadable),
    `<footer>features by ${text(inspection.model)}; nothing was changed or deleted</footer>`,
  ];
  return htmlPage(`inspect ${printable(folder)}`, STYLE, body.join('\n'));
}

const text = (content: string) => escapeXml(printable(content));

function summary(inspection: Inspection): string {
  const { sizes, imbalance, splits } = inspection;
  const facts: readonly (readonly [string, string | number])[] = [
    ['pictures', inspection.pictures],
    ...Object.entries(splits).filter(([name]) => name !== ''),
    ['classes', inspection.classes.length],
    ['largest over smallest', imbalance === null ? '–' : imbalance.toFixed(2)],
    ['median size', sizes ? `${sizes.width.median} × ${sizes.height.median}` : '–'],
    ['unreadable', inspection.unreadable.length],
    ['leaks', inspection.leaks.length],
    ['exact duplicates', inspection.exactDuplicates.length],
    ['near duplicates', inspection.nearDuplicates.length],
    ['suspect labels', inspection.suspectCount],
  ];
  return `<dl>${facts.map(([name, value]) => `<div><dt>${text(name)}</dt><dd>${text(String(value))}</dd></div>`).join('')}</dl>`;
}

function classes({ classes }: Inspection): string {
  const largest = Math.max(1, ...classes.map(({ total }) => total));
  const rows = classes.map(({ name, total, splits }) => {
    const parts = Object.entries(splits).filter(([split]) => split !== '').map(([split, count]) => `${split} ${count}`); // prettier-ignore
    const width = ((total / largest) * 100).toFixed(1);
    return `<tr><td>${escapeXml(className(name))}</td><td class="count">${text(parts.join(', '))}</td><td class="count">${total}</td><td class="bar"><div style="width:${width}%"></div></td></tr>`;
  });
  return `<h2>Classes</h2>\n<table>${rows.join('\n')}</table>`;
}

/** @param block HTML of the pictures, and a remark */
function problems<T>(
  title: string,
  found: readonly T[],
  block: (item: T) => readonly [html: string, remark: string],
  count = found.length,
): string {
  if (found.length === 0) return `<h2>${title} <small>none</small></h2>`;
  const shown = found.slice(0, MAX_SHOWN).map((item) => {
    const [html, remark] = block(item);
    return `<div class="problem">${html}${remark === '' ? '' : `<p>${text(remark)}</p>`}</div>`;
  });
  const more = count > shown.length ? `, the first ${shown.length} shown` : '';
  return `<h2>${title} <small>${count}${more}</small></h2>\n<div class="problems">\n${shown.join('\n')}\n</div>`;
}

function suspectBlock(suspect: LabelSuspect, thumbnails: Thumbnails): readonly [string, string] {
  const { file, suggested, margin, neighbours } = suspect;
  const near = neighbours.map((other) => figure(other, thumbnails, '', 'small'));
  return [
    row([figure(file, thumbnails, placeText(suspect)), ...near]),
    `labelled ${className(suspect.class)}, its neighbours are ${className(suggested)} (margin ${margin.toFixed(2)})`,
  ];
}

const row = (figures: readonly string[]) => `<div class="row">${figures.join('')}</div>`;

function placeText({ file, split, class: name }: DatasetPicture): string {
  return [split, name, file.split(/[/\\]/).at(-1)!].filter(Boolean).join(' / ');
}

function figure(file: string, thumbnails: Thumbnails, caption: string, kind = ''): string {
  const uri = thumbnails.get(file);
  const inside = uri === undefined ? 'not shown' : `<img src="${escapeXml(uri)}" alt="${text(file)}">`;
  const under = caption === '' ? '' : `<figcaption>${text(caption)}</figcaption>`;
  return `<figure class="${kind}" title="${text(file)}"><div class="frame">${inside}</div>${under}</figure>`;
}

function unreadableTable(unreadable: Inspection['unreadable']): string {
  if (unreadable.length === 0) return '';
  const rows = unreadable.slice(0, MAX_SHOWN).map(({ file, message }) => `<tr><td>${text(file)}</td><td>${text(message)}</td></tr>`); // prettier-ignore
  return `<h2>Unreadable <small>${unreadable.length}</small></h2>\n<table>${rows.join('\n')}</table>`;
}
