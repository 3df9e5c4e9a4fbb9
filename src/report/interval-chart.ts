// interval-chart.ts: values with the range in which each may lie, one under the other, as SVG for a page. No scripts.

import { frame, niceAxis, text } from './charts.ts';

export interface IntervalBar {
  readonly name: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  /** Single measurements that the value is the mean of. */
  readonly marks: readonly number[];
}

const WIDTH = 400;
const ROW = 20;
const PLOT = { left: 40, top: 8, right: 20, bottom: 28 } as const;

export function intervalChart(
  bars: readonly IntervalBar[],
  { title, format }: { readonly title: string; readonly format: (value: number) => string },
): string {
  const height = PLOT.top + bars.length * ROW + PLOT.bottom;
  const axis = niceAxis(bars.flatMap(({ value, low = value, high = value, marks }) => [value, low, high, ...marks])); // prettier-ignore
  const x = (value: number) =>
    (PLOT.left + ((value - axis.low) / (axis.high - axis.low)) * (WIDTH - PLOT.left - PLOT.right)).toFixed(1);
  const grid = axis.ticks.flatMap((tick) => [
    `<path class="rule" d="M${x(tick)} ${PLOT.top}V${height - PLOT.bottom}"/>`,
    text(Number(x(tick)), height - PLOT.bottom + 18, format(tick), 'class="mid"'),
  ]);
  const rows = bars.flatMap(({ name, value, low, high, marks }, i) => {
    const y = PLOT.top + (i + 0.5) * ROW;
    const line =
      low === undefined || high === undefined
        ? []
        : [`<path d="M${x(low)} ${y}H${x(high)}" style="stroke:var(--other)" stroke-width="3" stroke-linecap="round"/>`]; // prettier-ignore
    const rings = marks.map((mark) => `<circle cx="${x(mark)}" cy="${y}" r="3" fill="none" style="stroke:var(--second)"/>`); // prettier-ignore
    return [
      text(PLOT.left - 10, y + 4, name, 'class="end"'),
      ...line,
      ...rings,
      `<circle cx="${x(value)}" cy="${y}" r="4" style="fill:var(--bar)"/>`,
    ];
  });
  return frame(WIDTH, height, title, [...grid, ...rows]);
}
