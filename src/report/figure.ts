// figure.ts: the picture beside a bar chart of its classes, as SVG (text drawn as outlines) and as one HTML page.

import { createOutliner, type Outliner, type TextStyle } from './outline.ts';
import { UNKNOWN, type Prediction } from './prediction.ts';
import { printable } from './table.ts';

export interface FigurePanel {
  readonly file: string;
  readonly model: string;
  readonly picture: { readonly dataUri: string; readonly width: number; readonly height: number };
  readonly predictions: readonly Prediction[];
}

export interface FigureOptions {
  readonly labels: readonly ('en' | 'zh')[];
}

const COLOURS = {
  paper: '#ffffff',
  ink: '#1d2433',
  faint: '#6b7385',
  rule: '#e3e7ee',
  track: '#eef1f6',
  bar: '#2f6fdb',
  other: '#9db8e8',
} as const;

// Units of the drawing; one is a pixel at scale 1.
const WIDTH = 960;
const MARGIN = 32;
const PICTURE_BOX = 340;
const GAP = 36;
const HEADER = 62;
const ROW = 46;
const BAR = 10;

const TITLE: TextStyle = { size: 20, weight: 'bold' };
const SUBTITLE: TextStyle = { size: 13 };
const LABEL: TextStyle = { size: 15, weight: 'bold' };
const SECOND_LABEL: TextStyle = { size: 15 };
const PERCENT: TextStyle = { size: 14 };

interface Row {
  readonly first: string;
  readonly second: string;
  readonly probability: number;
}

/** What a row is called, in the languages asked for; a model without Chinese names is shown under its own. */
function rowsOf(predictions: readonly Prediction[], { labels }: FigureOptions): readonly Row[] {
  return predictions.map(({ label, labelZh, probability }) => {
    const zh = labels.includes('zh') ? (labelZh ?? '') : '';
    const en = labels.includes('en') || zh === '' ? label : '';
    return { first: printable(en || zh), second: en && zh ? printable(zh) : '', probability };
  });
}

/** A figure's title: the file's name without the folders, which are long and say little. */
function titleOf(file: string): string {
  return printable(file.split(/[/\\]/).at(-1) || file);
}

const percent = (probability: number) => `${(probability * 100).toFixed(2)}%`;

/** One drawing, panels below each other. */
export async function figureSvg(panels: readonly FigurePanel[], options: FigureOptions): Promise<string> {
  const drawn = panels.map((panel) => ({
    ...panel,
    file: titleOf(panel.file),
    rows: rowsOf(panel.predictions, options),
  }));
  const texts = drawn.flatMap(({ file, model, rows }) => [
    file,
    model,
    ...rows.flatMap((row) => [row.first, row.second]),
  ]);
  const pen = await createOutliner([...texts, UNKNOWN, '0123456789.%']);
  let y = 0;
  const parts: string[] = [];
  for (const [i, panel] of drawn.entries()) {
    const { svg, height } = svgPanel(panel, y, pen);
    if (i > 0) parts.push(`<path d="M${MARGIN} ${y}H${WIDTH - MARGIN}" stroke="${COLOURS.rule}"/>`);
    parts.push(svg);
    y += height;
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

interface DrawnPanel extends FigurePanel {
  readonly rows: readonly Row[];
}

function svgPanel(
  panel: DrawnPanel,
  top: number,
  pen: Outliner,
): { readonly svg: string; readonly height: number } {
  const { picture, rows } = panel;
  const scale = Math.min(PICTURE_BOX / picture.width, PICTURE_BOX / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  const left = MARGIN + PICTURE_BOX + GAP;
  const right = WIDTH - MARGIN;
  const chartHeight = HEADER + Math.max(1, rows.length) * ROW;
  const inner = Math.max(height, chartHeight);
  // The smaller of the two stands in the middle of the taller; beside a long list the picture stays at its head.
  const pictureTop = top + MARGIN + (inner > 2 * height ? 0 : (inner - height) / 2);
  const chartTop = top + MARGIN + (inner - chartHeight) / 2;

  const text = (content: string, x: number, y: number, style: TextStyle, fill: string) =>
    content === '' ? '' : `<path fill="${fill}" d="${pen.path(content, x, y, style)}"/>`;
  const parts = [
    `<image x="${MARGIN + (PICTURE_BOX - width) / 2}" y="${pictureTop}" width="${width}" height="${height}" href="${escapeXml(picture.dataUri)}"/>`,
    text(fit(panel.file, right - left, TITLE, pen), left, chartTop + 18, TITLE, COLOURS.ink),
    text(fit(panel.model, right - left, SUBTITLE, pen), left, chartTop + 40, SUBTITLE, COLOURS.faint),
  ];
  if (rows.length === 0) parts.push(text(UNKNOWN, left, chartTop + HEADER + 16, LABEL, COLOURS.faint));
  rows.forEach((row, i) => {
    const y = chartTop + HEADER + i * ROW;
    const share = percent(row.probability);
    const shareWidth = pen.width(share, PERCENT);
    const room = right - left - shareWidth - 16;
    const second = fit(row.second, room * 0.45, SECOND_LABEL, pen);
    const secondWidth = second === '' ? 0 : pen.width(second, SECOND_LABEL) + 10;
    const first = fit(row.first, room - secondWidth, LABEL, pen);
    const bar = Math.max(1, (right - left) * row.probability);
    parts.push(
      text(first, left, y + 14, LABEL, COLOURS.ink),
      text(second, left + pen.width(first, LABEL) + 10, y + 14, SECOND_LABEL, COLOURS.faint),
      text(share, right - shareWidth, y + 14, PERCENT, COLOURS.faint),
      `<rect x="${left}" y="${y + 23}" width="${right - left}" height="${BAR}" rx="${BAR / 2}" fill="${COLOURS.track}"/>`,
      `<rect x="${left}" y="${y + 23}" width="${bar.toFixed(1)}" height="${BAR}" rx="${Math.min(BAR, bar) / 2}" fill="${i === 0 ? COLOURS.bar : COLOURS.other}"/>`,
    );
  });
  return { svg: parts.filter(Boolean).join('\n'), height: inner + 2 * MARGIN };
}

/** As much of a text as has room, the cut marked by an ellipsis. */
function fit(text: string, room: number, style: TextStyle, pen: Outliner): string {
  if (pen.width(text, style) <= room) return text;
  const characters = [...text];
  while (characters.length > 0 && pen.width(`${characters.join('')}…`, style) > room) characters.pop();
  return `${characters.join('')}…`;
}

/** One page that needs nothing else: no scripts, no fonts, no requests. */
export function figureHtml(panels: readonly FigurePanel[], options: FigureOptions): string {
  const title = panels.length === 1 ? titleOf(panels[0]!.file) : `${panels.length} pictures`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>
:root { color-scheme: light dark; --paper: ${COLOURS.paper}; --ink: ${COLOURS.ink}; --faint: ${COLOURS.faint};
  --rule: ${COLOURS.rule}; --track: ${COLOURS.track}; --bar: ${COLOURS.bar}; --other: ${COLOURS.other}; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e8ebf1; --faint: #9aa3b5; --rule: #2a313d;
  --track: #222935; --bar: #5b93f2; --other: #3d5a8c; } }
body { margin: 0 auto; max-width: 60rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.4 system-ui, "Noto Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
section { display: grid; grid-template-columns: minmax(0, 21rem) minmax(0, 1fr); gap: 2.25rem; align-items: start;
  padding: 2rem 0; border-bottom: 1px solid var(--rule); }
section:last-child { border: 0; }
img { display: block; max-width: 100%; max-height: 21rem; margin: auto; }
h2 { margin: 0; font-size: 1.25rem; overflow-wrap: anywhere; }
p { margin: 0.1rem 0 1rem; font-size: 0.85rem; color: var(--faint); }
ol { margin: 0; padding: 0; list-style: none; }
li { margin: 0.7rem 0; }
.names { display: flex; gap: 0.6rem; align-items: baseline; }
.names b { overflow-wrap: anywhere; }
.names span, .share { color: var(--faint); }
.share { margin-left: auto; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
.track { height: 10px; margin-top: 0.3rem; border-radius: 5px; background: var(--track); overflow: hidden; }
.track div { height: 100%; min-width: 1px; border-radius: 5px; background: var(--other); }
li:first-child .track div { background: var(--bar); }
@media (max-width: 40rem) { section { grid-template-columns: 1fr; gap: 1rem; } }
</style>
<main>
${panels.map((panel) => htmlPanel(panel, options)).join('\n')}
</main>
</html>
`;
}

function htmlPanel({ file, model, picture, predictions }: FigurePanel, options: FigureOptions): string {
  const rows = rowsOf(predictions, options);
  const zhFirst = !options.labels.includes('en');
  const items = rows.map(({ first, second, probability }) => {
    const lang = zhFirst ? ' lang="zh-Hans"' : '';
    const other = second === '' ? '' : `<span lang="zh-Hans">${escapeXml(second)}</span>`;
    const share = percent(probability);
    return `<li><div class="names"><b${lang}>${escapeXml(first)}</b>${other}<span class="share">${share}</span></div><div class="track"><div style="width:${share}"></div></div></li>`;
  });
  const name = escapeXml(titleOf(file));
  return `<section>
<img src="${escapeXml(picture.dataUri)}" width="${picture.width}" height="${picture.height}" alt="${name}" style="height:auto">
<div>
<h2>${name}</h2>
<p>${escapeXml(model)}</p>
${items.length > 0 ? `<ol>${items.join('\n')}</ol>` : `<p>${UNKNOWN}</p>`}
</div>
</section>`;
}

/** For text and for attributes in double quotes; what XML cannot hold at all is left out. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
