// inspection-page.ts: an inspection as one HTML page, with the pictures in question.

import {
  className,
  conflict,
  namedClasses,
  nearNotes,
  type DatasetPicture,
  type Inspection,
  type LabelSuspect,
} from './inspection.ts';
import { breakable, escapeXml, htmlPage, isolated, nameHtml } from './page.ts';
import { footer, htmlTable, PARTS_STYLE, section, type Made } from './parts.ts';

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

const STYLE = `${PARTS_STYLE}
h2 small { color: var(--faint); font-weight: 400; font-size: 0.9rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.8rem 1.2rem; margin: 1rem 0 1.6rem; }
dt { color: var(--faint); font-size: 0.8rem; }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.classes { display: grid; grid-template-columns: minmax(8rem, 1fr) auto auto 40%; gap: 0.2rem 0.9rem; align-items: center;
  font-size: 0.9rem; }
.classes > * { overflow-wrap: anywhere; }
.classes .number { color: var(--faint); font-variant-numeric: tabular-nums; }
.classes i { height: 10px; border-radius: 5px; background: var(--bar); min-width: 2px; }
.problems { display: flex; flex-wrap: wrap; gap: 1rem; }
.problem { padding: 0.6rem; border: 1px solid var(--rule); border-radius: 6px; min-width: 0; max-width: 100%; box-sizing: border-box; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.problem > p { margin: 0.3rem 0 0; font-size: 0.8rem; color: var(--faint); max-width: 24rem; overflow-wrap: anywhere; }
.problem figure { width: 8.5rem; }
.problem figure.small { width: 5.5rem; }
.frame { display: flex; align-items: center; justify-content: center; aspect-ratio: 1; border-radius: 4px;
  background: var(--track); overflow: hidden; color: var(--faint); font-size: 0.75rem; }
.frame img { display: block; width: auto; height: auto; max-width: 100%; max-height: 100%; }
.problem figcaption { margin-top: 0.25rem; font-size: 0.72rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .classes { grid-template-columns: minmax(0, 1fr) auto auto; gap: 0.1rem 0.8rem; }
  .classes i { grid-column: 1 / -1; margin-bottom: 0.5rem; }
}`;

export function inspectionHtml(inspection: Inspection, thumbnails: Thumbnails, made: Made): string {
  const { folder, leaks, exactDuplicates, nearDuplicates, unreadable } = inspection;
  const show = (pictures: readonly DatasetPicture[]) =>
    row(pictures.map((picture) => figure(picture.file, thumbnails, placeText(picture))));
  const body = [
    `<h1>${nameHtml(folder)}</h1>`,
    `<p class="about">features by ${nameHtml(inspection.model)}; nothing was changed or deleted</p>`,
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
      conflict(group, shownClass).join('; '),
    ]),
    problems('Near duplicates', nearDuplicates, (pair) => [
      show(pair.pictures),
      [`similarity ${pair.similarity.toFixed(3)}`, ...nearNotes(pair, shownClass)].join('; '),
    ]),
    unreadableTable(unreadable),
    footer(made),
  ];
  return htmlPage(`inspect ${isolated(folder)}`, STYLE, body.join('\n'));
}

const shownClass = (name: string) => isolated(className(name));

function summary(inspection: Inspection): string {
  const { sizes, imbalance, splits } = inspection;
  const facts: readonly (readonly [string, string | number])[] = [
    ['pictures', inspection.pictures],
    ...Object.entries(splits).filter(([name]) => name !== ''),
    ['classes', namedClasses(inspection)],
    ['largest over smallest', imbalance === null ? '–' : imbalance.toFixed(2)],
    ['median size', sizes ? `${sizes.width.median} × ${sizes.height.median}` : '–'],
    ['unreadable', inspection.unreadable.length],
    ['leaks', inspection.leaks.length],
    ['exact duplicates', inspection.exactDuplicates.length],
    ['near duplicates', inspection.nearDuplicates.length],
    ['suspect labels', inspection.suspectCount],
  ];
  return `<dl>${facts.map(([name, value]) => `<div><dt>${nameHtml(name)}</dt><dd>${escapeXml(String(value))}</dd></div>`).join('')}</dl>`;
}

function classes({ classes }: Inspection): string {
  const largest = Math.max(1, ...classes.map(({ total }) => total));
  const rows = classes.map(({ name, total, splits }) => {
    const parts = Object.entries(splits).filter(([split]) => split !== '').map(([split, count]) => `${split} ${count}`); // prettier-ignore
    const width = ((total / largest) * 100).toFixed(1);
    return `<span>${nameHtml(className(name))}</span><span class="number">${escapeXml(parts.join(', '))}</span><span class="number">${total}</span><i style="width:${width}%"></i>`;
  });
  return section('Classes', `<div class="classes">\n${rows.join('\n')}\n</div>`);
}

/** @param block HTML of the pictures, and a remark */
function problems<T>(
  title: string,
  found: readonly T[],
  block: (item: T) => readonly [html: string, remark: string],
  count = found.length,
): string {
  if (found.length === 0) return section(title, '', 'None.');
  const shown = found.slice(0, MAX_SHOWN).map((item) => {
    const [html, remark] = block(item);
    return `<div class="problem">${html}${remark === '' ? '' : `<p>${breakable(remark)}</p>`}</div>`;
  });
  const more = count > shown.length ? `, the first ${shown.length} shown` : '';
  return section(
    title,
    `<p class="none">${count}${more}</p>\n<div class="problems">\n${shown.join('\n')}\n</div>`,
  );
}

function suspectBlock(suspect: LabelSuspect, thumbnails: Thumbnails): readonly [string, string] {
  const { file, suggested, margin, neighbours } = suspect;
  const near = neighbours.map((other) => figure(other, thumbnails, '', 'small'));
  return [
    row([figure(file, thumbnails, placeText(suspect)), ...near]),
    `labelled ${shownClass(suspect.class)}, its neighbours are ${shownClass(suggested)} (margin ${margin.toFixed(2)})`,
  ];
}

const row = (figures: readonly string[]) => `<div class="row">${figures.join('')}</div>`;

function placeText({ file, split, class: name }: DatasetPicture): string {
  return [split, name, file.split(/[/\\]/).at(-1)!].filter(Boolean).map(isolated).join(' / ');
}

/** @param caption of isolated names */
function figure(file: string, thumbnails: Thumbnails, caption: string, kind = ''): string {
  const uri = thumbnails.get(file);
  const name = escapeXml(isolated(file));
  const inside = uri === undefined ? 'not shown' : `<img src="${escapeXml(uri)}" alt="${name}">`;
  const under = caption === '' ? '' : `<figcaption>${breakable(caption)}</figcaption>`;
  return `<figure class="${kind}" title="${name}"><div class="frame">${inside}</div>${under}</figure>`;
}

function unreadableTable(unreadable: Inspection['unreadable']): string {
  const rows = unreadable.slice(0, MAX_SHOWN).map(({ file, message }) => [file, message]);
  const more =
    unreadable.length > rows.length ? `<p class="hint">and ${unreadable.length - rows.length} more</p>` : '';
  return section(
    'Unreadable',
    htmlTable([['file', 'why'], ...rows]) + more,
    'None: every picture could be read.',
  );
}
