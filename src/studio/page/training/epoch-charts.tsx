// epoch-charts.tsx: the curves of one run, or of two above each other: loss and right answers after each epoch.

import type { Epoch } from '../contract.ts';
import { LineChart, type Curve } from '../parts/line-chart.tsx';
import { useStudio } from '../studio.ts';

export interface RunCurves {
  readonly name: string;
  readonly curves: readonly Epoch[];
}

export function EpochCharts({ runs }: { readonly runs: readonly RunCurves[] }) {
  const { words } = useStudio();
  const { trainLoss, valLoss, loss, top1, epoch } = words.train;
  const prefix = (name: string) => (runs.length > 1 ? `${name} ` : '');
  const drawn = (curves: readonly Curve[]) => curves.filter(({ points }) => points.length > 0);
  const losses = drawn(
    runs.flatMap(({ name, curves }, i) => [
      {
        name: `${prefix(name)}${trainLoss}`,
        points: pointsOf(curves, 'trainLoss'),
        isDashed: true,
        colour: i,
      },
      { name: `${prefix(name)}${valLoss}`, points: pointsOf(curves, 'valLoss'), colour: i },
    ]),
  );
  const right = drawn(
    runs.map(({ name, curves }, i) => ({ name, points: pointsOf(curves, 'top1'), colour: i })),
  );
  return (
    <div class="charts">
      {right.length > 0 && (
        <LineChart title={top1} xName={epoch} curves={right} format={percentTick} most={1} />
      )}
      {losses.length > 0 && <LineChart title={loss} xName={epoch} curves={losses} />}
    </div>
  );
}

const percentTick = (value: number) => `${Number((value * 100).toPrecision(4))} %`;

/** Epochs of stage 2 come after those of stage 1. */
const pointsOf = (curves: readonly Epoch[], key: 'trainLoss' | 'valLoss' | 'top1') =>
  curves
    .map((each, i) => [i + 1, each[key] ?? Number.NaN] as const)
    .filter(([, value]) => Number.isFinite(value));
