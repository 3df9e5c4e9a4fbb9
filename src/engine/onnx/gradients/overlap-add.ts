// overlap-add.ts: adds the values of a sliding window's taps to the places that the taps read: the transpose of cutting
// windows out. It works in phases: with stride s, the places with the same remainder modulo s are one coarse picture.

import { blockedConvolution, onePlaceKernel, withZerosAround } from '../blocked.ts';
import type { Step, Value } from '../step.ts';
import type { Window } from '../windows.ts';
import { woven } from './weaving.ts';

export interface Geometry {
  readonly window: Window;
  /** The value that the windows slid over (`from`), and their output (`to`). */
  readonly from: Value;
  readonly to: Value;
}

type Size = readonly [height: number, width: number];

/**
 * @param taps by row and column of the window, each `[N,C/B,h,w,B]`
 * @returns a tensor like that of `from`
 */
export function overlapAdd(
  taps: readonly (readonly string[])[],
  { window, from, to }: Geometry,
  step: Step,
): string {
  const { strides, kernel, pads } = window;
  const isEven = [0, 1].every((axis) => from.shape[axis] === strides[axis]! * to.shape[axis]!);
  if (from.blocked && isEven) return wholePhases(taps, { window, from, to }, step);
  // A coarse picture holds every place of its phase: those that a window reaches, and those of the picture.
  const [height, width] = [0, 1].map((axis) => {
    const reached = to.shape[axis]! + Math.ceil(kernel[axis]! / strides[axis]!) - 1;
    return Math.max(reached, Math.ceil((pads[axis]! + from.shape[axis]!) / strides[axis]!));
  });
  const coarse = [height!, width!] as const;
  const phases: string[] = [];
  for (let row = 0; row < strides[0]; row++) {
    for (let column = 0; column < strides[1]; column++) {
      let sum: string | undefined;
      for (let i = 0; row + i * strides[0] < kernel[0]; i++) {
        for (let j = 0; column + j * strides[1] < kernel[1]; j++) {
          const tap = taps[row + i * strides[0]]![column + j * strides[1]]!;
          sum = addedAt([i, j], tap, sum, { to, coarse }, step);
        }
      }
      phases.push(sum ?? zeros(step.places(from, coarse), step));
    }
  }
  return step.emitter.reshape(inOrder(phases, { window, from, coarse }, step), step.tensorShape(from));
}

/** Of a blocked picture whose phases have the size of `to`: each place of a phase is the sum of one place of some taps. */
function wholePhases(
  taps: readonly (readonly string[])[],
  { window, from, to }: Geometry,
  step: Step,
): string {
  const { strides, kernel, pads } = window;
  const pictures = taps.map((line) => line.map((tap) => step.emitter.reshape(tap, step.tensorShape(to))));
  const phases = Array.from({ length: strides[0] }, (_, row) =>
    Array.from({ length: strides[1] }, (_, column) => {
      const found = reaching(row, kernel[0], strides[0], pads[0]).flatMap(([i, below]) =>
        reaching(column, kernel[1], strides[1], pads[1]).map(([j, right]) => ({ tap: pictures[i]![j]!, by: [below, right] as const }))); // prettier-ignore
      // What stays where it is comes first: the others are then added to it.
      const [first, ...others] = found.toSorted((a, b) => movement(a.by) - movement(b.by));
      if (!first) return zeros(step.tensorShape(to), step);
      const start = movement(first.by) === 0 ? first.tap : shifted(first.tap, first.by, undefined, to, step);
      return others.reduce((sum, { tap, by }) => shifted(tap, by, sum, to, step), start);
    }),
  );
  return woven(phases, from.shape, step);
}

/** The taps that reach the places with this remainder. Of each: the number of the window by which it reaches the first of them, which may be below 0. */
function reaching(remainder: number, length: number, stride: number, pad: number) {
  return Array.from({ length }, (_, tap) => [tap, (remainder + pad - tap) / stride] as const).filter(
    ([, by]) => Number.isInteger(by),
  );
}

const movement = ([rows, columns]: Size) => Math.abs(rows) + Math.abs(columns);

/** At each place: what the tap has at the place so many rows below and columns to the right of it (0 outside the tap), plus `sum`. */
function shifted(tap: string, [rows, columns]: Size, sum: string | undefined, { shape }: Value, step: Step) {
  const e = step.emitter;
  const channels = shape[2]!;
  const kernel = [Math.abs(rows) + 1, Math.abs(columns) + 1] as const;
  const place = Math.max(rows, 0) * kernel[1] + Math.max(columns, 0);
  const pads = [Math.max(-rows, 0), Math.max(-columns, 0), Math.max(rows, 0), Math.max(columns, 0)] as const;
  const weight = onePlaceKernel(e, [channels, step.block], kernel, place, 1);
  return blockedConvolution(e, { kernel, strides: [1, 1], dilations: [1, 1], pads }, { x: tap, weight, sum, groups: channels }); // prettier-ignore
}

/** `sum` with the tap's values added that many rows and columns further on. */
function addedAt(
  [row, column]: Size,
  tap: string,
  sum: string | undefined,
  { to, coarse }: { readonly to: Value; readonly coarse: Size },
  step: Step,
): string {
  const e = step.emitter;
  const [below, right] = [coarse[0] - row - to.shape[0]!, coarse[1] - column - to.shape[1]!];
  const pads = [row, column, below, right] as const;
  const stays = pads.every((n) => n === 0);
  // Such a tap is its phase's only one: any other would be further on, and its phase larger.
  if (stays && sum === undefined) return tap;
  if (to.blocked) return withZerosAround(e, e.reshape(tap, step.tensorShape(to)), to.shape[2]!, pads, sum);
  const around = [0, 0, row, column, 0, 0, 0, below, right, 0];
  const shifted = stays ? tap : e.emit('Pad', [tap, e.int64s(around)]);
  return sum === undefined ? shifted : e.add(sum, shifted);
}

const zeros = (shape: readonly number[], { emitter: e }: Step) =>
  e.emit('Expand', [e.scalar(0), e.int64s(shape)]);

/** The phases' places in the order of the picture, without the padding around it: `[N C/B,H W,B]`. */
function inOrder(
  phases: readonly string[],
  { window, from, coarse }: { readonly window: Window; readonly from: Value; readonly coarse: Size },
  step: Step,
): string {
  const e = step.emitter;
  const { strides, pads } = window;
  const [batch, blocks, height, width, block] = step.places(from) as readonly [number, number, number, number, number]; // prettier-ignore
  const area = coarse[0] * coarse[1];
  const flat = phases.map((phase) => e.reshape(phase, [batch * blocks, area, block]));
  const all = flat.length === 1 ? flat[0]! : e.emit('Concat', flat, { axis: 1 });
  const isWhole = flat.length === 1 && pads[0] + pads[1] === 0 && height === coarse[0] && width === coarse[1];
  if (isWhole) return all;
  const order: number[] = [];
  for (let row = pads[0]; row < pads[0] + height; row++) {
    for (let column = pads[1]; column < pads[1] + width; column++) {
      const phase = (row % strides[0]) * strides[1] + (column % strides[1]);
      const [y, x] = [Math.floor(row / strides[0]), Math.floor(column / strides[1])];
      order.push(phase * area + y * coarse[1] + x);
    }
  }
  return e.emit('Gather', [all, e.int64s(order)], { axis: 1 });
}
