// figure.ts: the picture beside a bar chart of its classes, as SVG (text drawn as outlines) and as one HTML page.

import { createOutliner, type Outliner, type TextStyle } from './outline.ts';
import { COLOURS, escapeXml, htmlPage } from './page.ts';
import { UNKNOWN, type Prediction } from './prediction.ts';
import { printable } from '../util/quoted.ts';

export interface FigurePanel {
  readonly file: string;
  readonly model: string;
  readonly picture: { readonly dataUri: string; readonly width: number; readonly height: number };
  readonly predictions: readonly Prediction[];
  /** The picture is unlike all classes. */
  readonly unknown?: true;
}

export interface FigureOptions {
  readonly labels: readonly ('en' | 'zh')[];
}

// Units of the drawing; one is a pixel at scale 1.
const WIDTH = 960;
const MARGIN = 32;
const PICTURE_BOX = 340;
const CORNER = 4;
const GAP = 36;
const LEFT = MARGIN + PICTURE_BOX + GAP;
const RIGHT = WIDTH - MARGIN;
const CHART = RIGHT - LEFT;
const HEADER = 60;
const ROW = 46;
const BAR_TOP = 23;
const BAR = 10;
const NAME_GAP = 10;
const SHARE_GAP = 16;

/** Baselines below the top of a panel, so that the title's capitals begin where the picture does. */
const BASELINE = { title: 16, subtitle: 38, row: 14 } as const;

/** The share of the space for names that a long second name always gets. */
const SECOND_SHARE = 0.45;

/** Three dots, not an ellipsis: the font draws an ellipsis in the Chinese style, at half the height of a line. */
const CUT = '...';

const TITLE: TextStyle = { size: 20, weight: 'bold' };
const SUBTITLE: TextStyle = { size: 13 };
const LABEL: TextStyle = { size: 15, weight: 'bold' };
const SECOND_LABEL: TextStyle = { size: 15 };
const PERCENT: TextStyle = { size: 14 };

interface Row {
  readonly first: string;
  readonly firstIsZh: boolean;
  /** Chinese beside English; empty where one language is shown. */
  readonly second: string;
  readonly probability: number;
}

/** A row's name in the requested languages; a model without Chinese names is shown with its own names. */
function rowsOf(predictions: readonly Prediction[], { labels }: FigureOptions): readonly Row[] {
  return predictions.map(({ label, labelZh, probability }) => {
    const zh = labels.includes('zh') ? (labelZh ?? '') : '';
    const en = labels.includes('en') || zh === '' ? label : '';
    return {
      first: printable(en || zh),
      firstIsZh: en === '',
      second: en && zh ? printable(zh) : '',
      probability,
    };
  });
}

/** A figure's title: the file's name without its folders, which are long and not informative. */
function titleOf(file: string): string {
  return printable(file.split(/[/\\]/).at(-1) || file);
}

/** The model, and whether it knows nothing like the picture. */
function subtitleOf({ model, unknown }: Pick<FigurePanel, 'model' | 'unknown'>): string {
  return unknown ? `${printable(model)}: ${UNKNOWN}, unlike all classes` : printable(model);
}

const percent = (probability: number) => `${(probability * 100).toFixed(2)}%`;

/** A panel with its texts as they are drawn. */
interface DrawnPanel extends FigurePanel {
  readonly rows: readonly Row[];
}

/** One drawing, panels below each other. Text is drawn as outlines: no font is needed to see it. */
export async function figureSvg(panels: readonly FigurePanel[], options: FigureOptions): Promise<string> {
  const drawn = panels.map((panel): DrawnPanel => ({
    ...panel,
    file: titleOf(panel.file),
    model: subtitleOf(panel),
    rows: rowsOf(panel.predictions, options),
  }));
  const texts = drawn.flatMap(({ file, model, rows }) => [
    file,
    model,
    ...rows.flatMap((row) => [row.first, row.second]),
  ]);
  const pen = await createOutliner([...texts, UNKNOWN, CUT, '0123456789.%']);
  let y = 0;
  const parts: string[] = [];
  for (const [i, panel] of drawn.entries()) {
    if (i > 0) parts.push(`<path d="M${MARGIN} ${y}H${RIGHT}" stroke="${COLOURS.rule}"/>`);
    const top = y + MARGIN;
    svgPicture(panel, { top, id: `picture-${i}`, parts });
    svgChart(panel, { top, id: `bars-${i}`, parts, pen });
    y += figureHeight([panel]);
  }
  const title = escapeXml(drawn.map(({ file, rows }) => `${file}: ${rows[0]?.first ?? UNKNOWN}`).join('; '));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="${title}">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${y}" fill="${COLOURS.paper}"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** The size of a drawing of these panels, in its units. */
export function figureHeight(panels: readonly FigurePanel[]): number {
  const heights = panels.map(
    ({ picture, predictions }) =>
      2 * MARGIN + Math.max(pictureHeight(picture), chartHeight(predictions.length)),
  );
  return heights.reduce((a, b) => a + b, 0);
}

function pictureHeight({ width, height }: FigurePanel['picture']): number {
  const scale = Math.min(PICTURE_BOX / width, PICTURE_BOX / height);
  return Math.max(1, Math.round(height * scale));
}

function chartHeight(rows: number): number {
  return HEADER + Math.max(0, rows - 1) * ROW + BAR_TOP + BAR;
}

interface Place {
  readonly top: number;
  /** The id of the part's clipping path. */
  readonly id: string;
  /** Elements are added here. */
  readonly parts: string[];
}

/** The picture, a narrow one on a mat as wide as the box, so that the edges of all panels are in line. */
function svgPicture({ picture }: DrawnPanel, { top, id, parts }: Place): void {
  const height = pictureHeight(picture);
  const box = `x="${MARGIN}" y="${top}" width="${PICTURE_BOX}" height="${height}"`;
  parts.push(
    `<clipPath id="${id}"><rect ${box} rx="${CORNER}"/></clipPath>`,
    `<g clip-path="url(#${id})"><rect ${box} fill="${COLOURS.track}"/>`,
    `<image ${box} href="${escapeXml(picture.dataUri)}"/></g>`,
  );
}

/** Title, model and a bar for each row. */
function svgChart(panel: DrawnPanel, { top, id, parts, pen }: Place & { readonly pen: Outliner }): void {
  const { file, model, rows } = panel;
  const write = (content: string, x: number, y: number, style: TextStyle, fill: string) => {
    const { d, transform } = pen.path(content, x, y, style);
    if (d !== '') parts.push(`<path fill="${fill}" transform="${transform}" d="${d}"/>`);
  };
  write(fit(file, CHART, TITLE, pen), LEFT, top + BASELINE.title, TITLE, COLOURS.ink);
  write(fit(model, CHART, SUBTITLE, pen), LEFT, top + BASELINE.subtitle, SUBTITLE, COLOURS.faint);
  if (rows.length === 0) write(UNKNOWN, LEFT, top + HEADER + BASELINE.row, LABEL, COLOURS.faint);
  const tracks: string[] = [];
  const bars: string[] = [];
  rows.forEach((row, i) => {
    const y = top + HEADER + i * ROW;
    const share = percent(row.probability);
    const shareWidth = pen.width(share, PERCENT);
    const room = CHART - shareWidth - SHARE_GAP;
    const left = room - pen.width(row.first, LABEL) - NAME_GAP;
    const second = fit(row.second, Math.max(left, room * SECOND_SHARE), SECOND_LABEL, pen);
    const secondRoom = second === '' ? 0 : pen.width(second, SECOND_LABEL) + NAME_GAP;
    const first = fit(row.first, room - secondRoom, LABEL, pen);
    const secondX = LEFT + pen.width(first, LABEL) + NAME_GAP;
    write(first, LEFT, y + BASELINE.row, LABEL, COLOURS.ink);
    write(second, secondX, y + BASELINE.row, SECOND_LABEL, COLOURS.faint);
    write(share, RIGHT - shareWidth, y + BASELINE.row, PERCENT, COLOURS.faint);
    const bar = Math.max(1, CHART * Math.min(1, row.probability));
    const place = `y="${y + BAR_TOP}" height="${BAR}" rx="${BAR / 2}"`;
    tracks.push(`<rect x="${LEFT}" width="${CHART}" ${place}/>`);
    // The bar begins before its track, which clips it, so that even the shortest bar has a round end and an aligned start.
    const fill = i === 0 ? COLOURS.bar : COLOURS.other;
    bars.push(`<rect x="${LEFT - BAR}" width="${(BAR + bar).toFixed(1)}" ${place} fill="${fill}"/>`);
  });
  parts.push(
    `<clipPath id="${id}">${tracks.join('')}</clipPath>`,
    `<g fill="${COLOURS.track}">${tracks.join('')}</g>`,
    `<g clip-path="url(#${id})">${bars.join('')}</g>`,
  );
}

/** As much of a text as fits, with a mark where it is cut. */
function fit(text: string, room: number, style: TextStyle, pen: Outliner): string {
  if (pen.width(text, style) <= room) return text;
  let left = room - pen.width(CUT, style);
  let shown = '';
  for (const character of text) {
    left -= pen.width(character, style);
    if (left < 0) break;
    shown += character;
  }
  return shown.trimEnd() + CUT;
}

/** One page that needs nothing else: no scripts, no fonts, no requests. */
export function figureHtml(panels: readonly FigurePanel[], options: FigureOptions): string {
  const title = panels.length === 1 ? titleOf(panels[0]!.file) : `${panels.length} pictures`;
  return htmlPage(title, STYLE, panels.map((panel) => htmlPanel(panel, options)).join('\n'));
}

const STYLE = `section { display: grid; grid-template-columns: minmax(0, 21rem) minmax(0, 1fr); gap: 2.25rem; align-items: start;
  padding: 2rem 0; border-bottom: 1px solid var(--rule); }
section:last-child { border: 0; }
.picture { display: flex; justify-content: center; border-radius: 4px; background: var(--track); overflow: hidden; }
img { display: block; width: auto; height: auto; max-width: 100%; max-height: 21rem; }
h2 { margin: -0.3rem 0 0; font-size: 1.25rem; overflow-wrap: anywhere; }
p { margin: 0.1rem 0 1rem; font-size: 0.85rem; color: var(--faint); overflow-wrap: anywhere; }
ol { margin: 0; padding: 0; list-style: none; }
li { display: grid; grid-template-columns: 1fr auto; gap: 0.3rem 1rem; align-items: baseline; margin: 0.8rem 0 0; }
.names { min-width: 0; overflow-wrap: anywhere; }
b { font-weight: 600; }
i { margin-left: 0.4rem; font-style: normal; }
i, .share { color: var(--faint); }
.share { font-variant-numeric: tabular-nums; font-size: 0.9rem; }
.track { grid-column: 1 / -1; height: 10px; border-radius: 5px; background: var(--track); overflow: hidden; }
.track div { height: 100%; min-width: 1px; border-radius: 0 5px 5px 0; background: var(--other); }
li:first-child .track div { background: var(--bar); }
@media (max-width: 40rem) { section { grid-template-columns: 1fr; gap: 1rem; } }`;

function htmlPanel(
  { file, model, picture, predictions, unknown }: FigurePanel,
  options: FigureOptions,
): string {
  const items = rowsOf(predictions, options).map(({ first, firstIsZh, second, probability }) => {
    const name = `<b${firstIsZh ? ZH : ''}>${escapeXml(first)}</b>`;
    const other = second === '' ? '' : ` <i${ZH}>${escapeXml(second)}</i>`;
    const share = percent(probability);
    return `<li><div class="names">${name}${other}</div><div class="share">${share}</div><div class="track"><div style="width:${share}"></div></div></li>`;
  });
  const name = escapeXml(titleOf(file));
  return `<section>
<div class="picture"><img src="${escapeXml(picture.dataUri)}" width="${picture.width}" height="${picture.height}" alt="${name}"></div>
<div>
<h2>${name}</h2>
<p>${escapeXml(subtitleOf({ model, ...(unknown && { unknown }) }))}</p>
${items.length > 0 ? `<ol>\n${items.join('\n')}\n</ol>` : `<b class="share">${UNKNOWN}</b>`}
</div>
</section>`;
}

const ZH = ' lang="zh-Hans"';
