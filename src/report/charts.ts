// charts.ts: numbers as SVG for a page: curves, a confusion matrix, a reliability diagram. Colours are the page's; text is
// the page's font. Fixed sizes, no scripts.

import { displayWidth } from './display-width.ts';
import { escapeXml } from './page.ts';

/** Colours of several curves in one chart, readable on light and dark paper. */
const CURVES = ['var(--bar)', '#d9822b', '#3a9d5d', '#b4558f'] as const;

const WIDTH = 640;
const HEIGHT = 260;
const PLOT = { left: 56, top: 16, right: 16, bottom: 36 } as const;
const INNER = { width: WIDTH - PLOT.left - PLOT.right, height: HEIGHT - PLOT.top - PLOT.bottom } as const;

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** A range of round numbers around the values, with about `count` ticks, `apart` from each other at least. */
export function niceAxis(values: readonly number[], { count = 5, apart = 0 } = {}): Axis {
  const finite = values.filter(Number.isFinite);
  let [low, high] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  // The values are equal, as far as a chart can show.
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (largest < 1e-30) [low, high] = [0, 1];
  else if (high - low < 1e-6 * largest) [low, high] = [low - largest / 2, high + largest / 2];
  const rough = Math.max(apart, (high - low) / count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999)!;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

const text = (x: number, y: number, content: string, attributes = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeXml(content)}</text>`;

function frame(width: number, height: number, label: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(label)}">\n${parts.join('\n')}\n</svg>`;
}

/** Lines and numbers of the two axes. */
function grid(x: Axis, y: Axis, format: (value: number) => string): string[] {
  const parts: string[] = [];
  for (const tick of y.ticks) {
    const at = placeY(y, tick);
    parts.push(`<path class="rule" d="M${PLOT.left} ${at.toFixed(1)}H${WIDTH - PLOT.right}"/>`);
    parts.push(text(PLOT.left - 8, at + 4, format(tick), 'class="end"'));
  }
  for (const tick of x.ticks)
    parts.push(text(placeX(x, tick), HEIGHT - PLOT.bottom + 18, `${tick}`, 'class="mid"'));
  return parts;
}

const placeX = ({ low, high }: Axis, value: number) =>
  PLOT.left + ((value - low) / (high - low)) * INNER.width;
const placeY = ({ low, high }: Axis, value: number) =>
  PLOT.top + INNER.height - ((value - low) / (high - low)) * INNER.height;

export interface Curve {
  readonly name: string;
  /** x ascending; a value that is not finite is a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChartOptions {
  readonly title: string;
  readonly xName: string;
  readonly format?: (value: number) => string;
  /** A logarithmic x axis, for the rate finder. All x above 0. */
  readonly logX?: boolean;
  /** An x value that is marked by a line of its own. */
  readonly mark?: number;
}

/** Curves over one x axis, with a legend. */
export function lineChart(
  curves: readonly Curve[],
  { title, xName, format = short, logX = false, mark }: LineChartOptions,
): string {
  const scale = (x: number) => (logX ? Math.log10(x) : x);
  const all = curves.flatMap(({ points }) => points.map(([at]) => scale(at)));
  // There is nothing between two epochs.
  const x = niceAxis(all, { count: 8, apart: all.every(Number.isInteger) ? 1 : 0 });
  const y = niceAxis(curves.flatMap(({ points }) => points.map(([, value]) => value)));
  const parts = grid(logX ? { ...x, ticks: [] } : x, y, format);
  if (logX) {
    for (let power = Math.ceil(x.low); power <= x.high; power++) {
      parts.push(text(placeX(x, power), HEIGHT - PLOT.bottom + 18, `1e${power}`, 'class="mid"'));
    }
  }
  if (mark !== undefined) {
    const at = placeX(x, scale(mark)).toFixed(1);
    parts.push(`<path class="dash" d="M${at} ${PLOT.top}V${HEIGHT - PLOT.bottom}"/>`);
  }
  parts.push(text(WIDTH - PLOT.right, HEIGHT - 4, xName, 'class="end"'));
  curves.forEach(({ name, points }, i) => {
    const colour = CURVES[i % CURVES.length]!;
    let pen = 'M';
    let d = '';
    for (const [at, value] of points) {
      if (!Number.isFinite(value)) pen = 'M';
      else {
        d += `${pen}${placeX(x, scale(at)).toFixed(1)} ${placeY(y, value).toFixed(1)}`;
        pen = 'L';
      }
    }
    parts.push(
      `<path d="${d}" fill="none" style="stroke:${colour}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>`,
    );
    if (points.length === 1) {
      const [at, value] = points[0]!;
      parts.push(
        `<circle cx="${placeX(x, scale(at)).toFixed(1)}" cy="${placeY(y, value).toFixed(1)}" r="3" style="fill:${colour}"/>`,
      );
    }
    const legend = PLOT.left + 12 + i * 130;
    parts.push(
      `<rect x="${legend}" y="${HEIGHT - 12}" width="14" height="3" rx="1.5" style="fill:${colour}"/>`,
    );
    parts.push(text(legend + 20, HEIGHT - 6, name));
  });
  return frame(WIDTH, HEIGHT, title, parts);
}

/** At most four significant digits. */
function short(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}

/** More classes than these are cells too small to see. */
const MAX_HEAT_CLASSES = 120;
const NAMED_CLASSES = 40;

/** Columns of a name beside the matrix at most, and the pixels that one takes up. */
const NAME_COLUMNS = 24;
const COLUMN = 7.2;

/** Rows: truth, columns: prediction; shaded by the share of the row. Undefined when there are too many classes. */
export function heatMap(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
): string | undefined {
  const count = matrix.length;
  if (count === 0 || count > MAX_HEAT_CLASSES) return undefined;
  const cell = Math.max(5, Math.min(30, Math.floor(560 / count)));
  const columns = Math.max(...names.map((name) => displayWidth(cut(name, NAME_COLUMNS))));
  const room = count <= NAMED_CLASSES ? Math.ceil(columns * COLUMN) + 14 : 8;
  const [left, top] = [room, 8];
  const side = cell * count;
  const parts: string[] = [
    `<rect x="${left}" y="${top}" width="${side}" height="${side}" style="fill:var(--track)"/>`,
  ];
  matrix.forEach((row, i) => {
    const total = row.reduce((a, b) => a + b, 0);
    row.forEach((value, j) => {
      if (value === 0) return;
      const share = value / total;
      const [x, y] = [left + j * cell, top + i * cell];
      const colour = i === j ? 'var(--bar)' : '#d9534f';
      const title = `${names[i]} taken for ${names[j]}: ${value} of ${total}`;
      parts.push(
        `<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" style="fill:${colour};opacity:${(0.2 + 0.8 * share).toFixed(2)}"><title>${escapeXml(title)}</title></rect>`,
      );
      if (cell >= 18) parts.push(text(x + cell / 2, y + cell / 2 + 4, `${value}`, 'class="mid cell"'));
    });
  });
  if (count <= NAMED_CLASSES) {
    names.forEach((name, i) => {
      const shown = cut(name, NAME_COLUMNS);
      parts.push(text(left - 6, top + i * cell + cell / 2 + 4, shown, 'class="end"'));
      const [x, y] = [left + i * cell + cell / 2, top + side + 8];
      parts.push(text(x, y, shown, `class="end" transform="rotate(-60 ${x} ${y})"`));
    });
  }
  return frame(left + side + 8, top + side + room, 'confusion matrix', parts);
}

function cut(name: string, most: number): string {
  if (displayWidth(name) <= most) return name;
  const characters = [...name];
  while (displayWidth(characters.join('')) >= most) characters.pop();
  return `${characters.join('')}…`;
}

export interface ReliabilityBin {
  readonly count: number;
  readonly confidence: number;
  readonly accuracy: number;
}

/** How often the network is right at each level of confidence; on the diagonal, both are equal. */
export function reliabilityDiagram(bins: readonly ReliabilityBin[]): string {
  const unit: Axis = { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] };
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const parts = grid(unit, unit, (value) => value.toFixed(1));
  bins.forEach(({ count, confidence, accuracy }, i) => {
    if (count === 0) return;
    const [from, to] = [placeX(unit, i / bins.length), placeX(unit, (i + 1) / bins.length)];
    const y = placeY(unit, accuracy);
    const title = `${count} of ${total} pictures: sure by ${(confidence * 100).toFixed(1)} %, right in ${(accuracy * 100).toFixed(1)} %`;
    const weight = (0.35 + 0.65 * Math.min(1, (count / total) * 3)).toFixed(2);
    parts.push(
      `<rect x="${(from + 1).toFixed(1)}" y="${y.toFixed(1)}" width="${(to - from - 2).toFixed(1)}" height="${Math.max(1, placeY(unit, 0) - y).toFixed(1)}" style="fill:var(--bar);opacity:${weight}"><title>${title}</title></rect>`,
    );
  });
  const diagonal = `M${placeX(unit, 0)} ${placeY(unit, 0)}L${placeX(unit, 1)} ${placeY(unit, 1)}`;
  parts.push(
    `<path class="dash" d="${diagonal}"/>`,
    text(WIDTH - PLOT.right, HEIGHT - 4, 'how sure it was', 'class="end"'),
  );
  return frame(WIDTH, HEIGHT, 'reliability diagram', parts);
}
