// axes.ts: in which order a tensor holds the axes of a layer's output. A layer that only reorders axes then moves no numbers: its
// value is the same tensor with other axes. Axes count from the batch, 0, in the graph's order: 1, 2, 3 are H, W, C of a picture.

import type { Padding2d } from '../../graph/layers.ts';
import { sameShape, type Shape } from '../../util/shape.ts';

/** `axes[i]` is the graph's axis that axis i of the tensor holds. The batch is always first. */
export type Axes = readonly number[];

export const NCHW: Axes = [0, 3, 1, 2];

/** The graph's own order: channel-last. */
export function graphOrder(shape: Shape): Axes {
  return [0, ...shape.map((_, axis) => axis + 1)];
}

/** How a transpose brings a tensor from one order to another; absent when both are the same. */
export function permOf(from: Axes, to: Axes): readonly number[] | undefined {
  return sameShape(from, to) ? undefined : to.map((axis) => from.indexOf(axis));
}

/** The axes of the same tensor as the output of a permute layer. */
export function permutedAxes(axes: Axes, dims: readonly number[]): Axes {
  return axes.map((axis) => (axis === 0 ? 0 : dims.indexOf(axis) + 1));
}

/** Where a crop begins and ends on the axes of a tensor that it cuts. @param cropped the shape after it */
export function cropBounds({ top, bottom, left, right }: Padding2d, cropped: Shape, axes: Axes) {
  const cuts = [
    { axis: 1, before: top, after: bottom },
    { axis: 2, before: left, after: right },
  ].filter(({ before, after }) => before + after > 0);
  return {
    begin: cuts.map(({ before }) => before),
    end: cuts.map(({ axis, before }) => before + cropped[axis - 1]!),
    axes: cuts.map(({ axis }) => axes.indexOf(axis)),
  };
}

export interface ReshapePlan {
  /** The order that the tensor has to have before it is reshaped. */
  readonly before: Axes;
  /** The new sizes without the batch, in the tensor's order, and their axes. */
  readonly sizes: Shape;
  readonly axes: Axes;
}

/**
 * How a tensor becomes another shape without a transpose where that is possible. Runs of axes that hold the same numbers before and
 * after may lie in any order, as long as each run is whole and in order: [H,W,C] -> [H,W,g,C/g] splits a channel axis in place.
 */
export function reshapePlan(axes: Axes, from: Shape, to: Shape): ReshapePlan {
  const isLong = (axis: number) => axis > 0 && from[axis - 1] !== 1;
  const place = (run: Run) => axes.findIndex((axis) => isLong(axis) && run.from.includes(axis));
  const runs = runsOf(from, to).toSorted((a, b) => place(a) - place(b));
  const ordered = runs.flatMap((run) => run.from);
  const isInOrder = sameShape(axes.filter(isLong), ordered.filter(isLong));
  const plan = {
    before: isInOrder ? axes : [0, ...ordered],
    sizes: runs.flatMap((run) => run.to.map((axis) => to[axis - 1]!)),
    axes: [0, ...runs.flatMap((run) => run.to)],
  };
  // A picture of one place holds the same numbers in every order, and convolutions want this one.
  const isPlace = to.length === 3 && to[0] === 1 && to[1] === 1;
  return isPlace ? { ...plan, sizes: [to[2]!, 1, 1], axes: NCHW } : plan;
}

interface Run {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The shortest runs of axes that hold as many numbers in one shape as in the other; sizes of one at the end go with the last. */
function runsOf(from: Shape, to: Shape): readonly Run[] {
  const runs: { readonly from: number[]; readonly to: number[] }[] = [];
  let [i, j] = [0, 0];
  while (i < from.length && j < to.length) {
    let [held, wanted] = [from[i]!, to[j]!];
    const run = { from: [++i], to: [++j] };
    while (held !== wanted) {
      if (held < wanted) {
        held *= from[i]!;
        run.from.push(++i);
      } else {
        wanted *= to[j]!;
        run.to.push(++j);
      }
    }
    runs.push(run);
  }
  while (i < from.length) runs.at(-1)?.from.push(++i);
  while (j < to.length) runs.at(-1)?.to.push(++j);
  return runs;
}
