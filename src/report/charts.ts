// charts.ts: numbers as SVG for a page: curves, a reliability diagram. Colours are the page's; text is the page's font. As
// wide as a narrow screen, so that a phone shows the text at its size. No scripts.

import { displayWidth } from './display-width.ts';
import { escapeXml } from './page.ts';

/** Colours of several curves in one chart. */
const CURVES = ['var(--bar)', 'var(--second)'] as const;

const WIDTH = 400;
const HEIGHT = 250;
const PLOT = { left: 58, top: 28, right: 12, bottom: 44 } as const;
const INNER = { width: WIDTH - PLOT.left - PLOT.right, height: HEIGHT - PLOT.top - PLOT.bottom } as const;

/** Of a digit in the page's font, in pixels. */
const DIGIT_WIDTH = 7.2;
/** From one name of a curve to the next, at least; and what stands beside a name. In pixels. */
const LEGEND = { least: 120, mark: 32 } as const;

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** A range of round numbers around the values, with about `count` ticks, `apart` from each other at least. */
export function niceAxis(values: readonly number[], { count = 5, apart = 0, most = Infinity } = {}): Axis {
  const finite = values.filter(Number.isFinite);
  let [low, high] = finite.length === 0 ? [0, 1] : [Math.min(...finite), Math.max(...finite)];
  // The values are equal, as far as a chart can show.
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (largest < 1e-30) [low, high] = [0, 1];
  else if (high - low < 1e-6 * largest) [low, high] = [low - largest / 2, Math.min(most, high + largest / 2)];
  const rough = Math.max(apart, (high - low) / count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999)!;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
}

const xTitle = (name: string) => text(PLOT.left + INNER.width / 2, HEIGHT - 8, name, 'class="mid"');

/** @param attributes of the element, as they stand in it */
export const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeXml(content)}</text>`;

/** The picture around its parts, which are SVG. */
export function frame(width: number, height: number, label: string, parts: readonly string[]): string {
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
  for (const tick of x.ticks) {
    const label = `${tick}`;
    // The last one stays inside the picture.
    const at = Math.min(placeX(x, tick), WIDTH - (label.length * DIGIT_WIDTH) / 2);
    parts.push(text(at, HEIGHT - PLOT.bottom + 18, label, 'class="mid"'));
  }
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
  /** What no value can be above: 1 for shares. */
  readonly most?: number;
  /** A logarithmic x axis, for the rate finder. All x above 0. */
  readonly logX?: boolean;
  /** An x value that is marked by a line of its own. */
  readonly mark?: number;
}

/** Curves over one x axis, with a legend. */
export function lineChart(
  curves: readonly Curve[],
  { title, xName, format = short, most, logX = false, mark }: LineChartOptions,
): string {
  const scale = (x: number) => (logX ? Math.log10(x) : x);
  const all = curves.flatMap(({ points }) => points.map(([at]) => scale(at)));
  // There is nothing between two epochs.
  const x = niceAxis(all, { count: 6, apart: all.every(Number.isInteger) ? 1 : 0 });
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const y = niceAxis(values, { ...(most !== undefined && { most }) });
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
  parts.push(xTitle(xName));
  const apart = Math.max(LEGEND.least, ...curves.map(({ name }) => LEGEND.mark + displayWidth(name) * DIGIT_WIDTH)); // prettier-ignore
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
    if (curves.length < 2) return;
    const legend = PLOT.left + i * apart;
    parts.push(`<rect x="${legend}" y="9" width="14" height="3" rx="1.5" style="fill:${colour}"/>`);
    parts.push(text(legend + 20, 15, name));
  });
  return frame(WIDTH, HEIGHT, title, parts);
}

/** At most four significant digits. */
function short(value: number): string {
  return `${Number(value.toPrecision(4))}`;
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
    const weight = (0.5 + 0.5 * Math.min(1, (count / total) * 3)).toFixed(2);
    parts.push(
      `<rect x="${(from + 1).toFixed(1)}" y="${y.toFixed(1)}" width="${(to - from - 2).toFixed(1)}" height="${Math.max(1, placeY(unit, 0) - y).toFixed(1)}" style="fill:var(--bar);opacity:${weight}"><title>${title}</title></rect>`,
    );
  });
  const diagonal = `M${placeX(unit, 0)} ${placeY(unit, 0)}L${placeX(unit, 1)} ${placeY(unit, 1)}`;
  parts.push(
    `<path class="dash" d="${diagonal}"/>`,
    xTitle('how sure the network was'),
    text(PLOT.left - 40, 15, 'share of these that was right'),
  );
  return frame(WIDTH, HEIGHT, 'reliability diagram', parts);
}
