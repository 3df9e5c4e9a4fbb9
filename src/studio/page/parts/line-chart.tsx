// line-chart.tsx: curves over epochs as SVG. Its axes are those of the reports.

import { niceAxis } from '../../../report/charts.ts';

/** As wide as a narrow screen, so that a phone shows the text at its size. */
const SIZE = { width: 400, height: 220 } as const;
const PLOT = { left: 60, top: 28, right: 12, bottom: 40 } as const;
const INNER = {
  width: SIZE.width - PLOT.left - PLOT.right,
  height: SIZE.height - PLOT.top - PLOT.bottom,
} as const;

export interface Curve {
  readonly name: string;
  /** x ascending. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDashed?: boolean;
  /** Of the colours of curves, from 0. */
  readonly colour: number;
}

export interface LineChartProps {
  readonly title: string;
  readonly xName: string;
  readonly curves: readonly Curve[];
  readonly format?: (value: number) => string;
  /** What no value can be above: 1 for shares. */
  readonly most?: number;
}

export function LineChart({ title, xName, curves, format = (value) => `${value}`, most }: LineChartProps) {
  const points = curves.flatMap((curve) => curve.points);
  const x = niceAxis(
    points.map(([at]) => at),
    { count: 6, apart: 1 },
  );
  const y = niceAxis(
    points.map(([, value]) => value),
    { ...(most !== undefined && { most }) },
  );
  const placeX = (value: number) => PLOT.left + ((value - x.low) / (x.high - x.low)) * INNER.width;
  const placeY = (value: number) =>
    PLOT.top + INNER.height - ((value - y.low) / (y.high - y.low)) * INNER.height;
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} role="img" aria-label={title}>
        {y.ticks.map((tick) => (
          <g key={tick}>
            <path class="rule" d={`M${PLOT.left} ${placeY(tick)}H${SIZE.width - PLOT.right}`} />
            <text x={PLOT.left - 8} y={placeY(tick) + 4} class="end">
              {format(tick)}
            </text>
          </g>
        ))}
        {x.ticks.map((tick) => (
          <text key={tick} x={placeX(tick)} y={SIZE.height - PLOT.bottom + 18} class="mid">
            {tick}
          </text>
        ))}
        <text x={PLOT.left + INNER.width / 2} y={SIZE.height - 6} class="mid">
          {xName}
        </text>
        {curves.map((curve, i) => (
          <g key={curve.name} class={`curve c${curve.colour}${curve.isDashed ? ' dashed' : ''}`}>
            <path
              d={curve.points
                .map(([at, value], j) => `${j === 0 ? 'M' : 'L'}${placeX(at)} ${placeY(value)}`)
                .join('')}
            />
            {curve.points.length === 1 && (
              <circle cx={placeX(curve.points[0]![0])} cy={placeY(curve.points[0]![1])} r="3" />
            )}
            {curves.length > 1 && (
              <>
                <path d={`M${PLOT.left + (i % 2) * 175} ${8 + Math.floor(i / 2) * 13}h16`} />
                <text x={PLOT.left + (i % 2) * 175 + 22} y={12 + Math.floor(i / 2) * 13}>
                  {curve.name}
                </text>
              </>
            )}
          </g>
        ))}
      </svg>
    </figure>
  );
}
