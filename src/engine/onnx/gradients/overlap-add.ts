// overlap-add.ts: adds the values of a sliding window's taps to the places that the taps read: the transpose of cutting
// windows out. It works in phases: with stride s, the places with the same remainder modulo s are one coarse picture.

import type { Step, Value } from '../step.ts';
import type { Window } from '../windows.ts';

interface Geometry {
  readonly window: Window;
  /** The value that the windows slid over (`from`), and their output (`to`). */
  readonly from: Value;
  readonly to: Value;
}

/**
 * @param taps by row and column of the window, each `[N,C/B,h,w,B]`
 * @returns a tensor like that of `from`
 */
export function overlapAdd(
  taps: readonly (readonly string[])[],
  { window, from, to }: Geometry,
  step: Step,
): string {
  const e = step.emitter;
  const { strides, kernel, pads } = window;
  const [batch, blocks, height, width, block] = step.places(from) as readonly [number, number, number, number, number]; // prettier-ignore
  const reach = [0, 1].map((axis) => Math.ceil(kernel[axis]! / strides[axis]!) - 1);
  // A coarse picture holds every place of its phase that a window reaches.
  const coarse = [to.shape[0]! + reach[0]!, to.shape[1]! + reach[1]!];
  const phases: string[] = [];
  for (let row = 0; row < strides[0]; row++) {
    for (let column = 0; column < strides[1]; column++) {
      const shifted: string[] = [];
      for (let i = 0; row + i * strides[0] < kernel[0]; i++) {
        for (let j = 0; column + j * strides[1] < kernel[1]; j++) {
          const tap = taps[row + i * strides[0]]![column + j * strides[1]]!;
          const around = [0, 0, i, j, 0, 0, 0, reach[0]! - i, reach[1]! - j, 0];
          shifted.push(around.every((n) => n === 0) ? tap : e.emit('Pad', [tap, e.int64s(around)]));
        }
      }
      phases.push(
        shifted.length > 0
          ? shifted.reduce((a, b) => e.add(a, b))
          : e.emit('Expand', [e.scalar(0), e.int64s([batch, blocks, ...coarse, block])]),
      );
    }
  }
  // [s,s,N,C/B,h,w,B] -> [N,C/B,h,s,w,s,B] -> the fine picture, with the padding still around it
  const fine = [coarse[0]! * strides[0], coarse[1]! * strides[1]];
  let all = phases[0]!;
  if (phases.length > 1) {
    const stacked = e.emit('Concat', phases, { axis: 0 });
    const split = e.reshape(stacked, [...strides, batch, blocks, coarse[0]!, coarse[1]!, block]);
    const woven = e.transpose(split, [2, 3, 4, 0, 5, 1, 6]);
    all = e.reshape(woven, [batch, blocks, fine[0]!, fine[1]!, block]);
  }
  const whole = cut(all, { size: [height, width], fine, top: pads[0], left: pads[1] }, step);
  return e.reshape(whole, step.tensorShape(from));
}

interface Cut {
  readonly size: readonly [number, number];
  readonly fine: readonly number[];
  readonly top: number;
  readonly left: number;
}

/** Removes the padding, and adds zeros at the bottom and right where no window reached. */
function cut(all: string, { size, fine, top, left }: Cut, step: Step): string {
  const e = step.emitter;
  const missing = [Math.max(0, top + size[0] - fine[0]!), Math.max(0, left + size[1] - fine[1]!)];
  const whole = missing.some((n) => n > 0)
    ? e.emit('Pad', [all, e.int64s([0, 0, 0, 0, 0, 0, 0, ...missing, 0])])
    : all;
  if (top === 0 && left === 0 && size[0] === fine[0]! + missing[0]! && size[1] === fine[1]! + missing[1]!) {
    return whole;
  }
  const bounds = [[top, left], [top + size[0], left + size[1]], [2, 3]].map((bound) => e.int64s(bound)); // prettier-ignore
  return e.emit('Slice', [whole, ...bounds]);
}
