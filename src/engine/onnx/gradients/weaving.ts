// weaving.ts: a picture from its phases: with stride s, the places with the same remainder modulo s are one picture, a phase.

import type { Shape } from '../../../util/shape.ts';
import type { Step } from '../step.ts';

/**
 * Blocked phases of one size, by the remainder of their rows and columns, in the order of the picture's places. First columns are
 * interleaved, then rows.
 * @param shape `[H,W,C]` of the picture
 */
export function woven(phases: readonly (readonly string[])[], shape: Shape, step: Step): string {
  const e = step.emitter;
  const { batch, block } = step;
  const [height, width, channels] = shape as readonly [number, number, number];
  const blocks = channels / block;
  const [rows, columns] = [height / phases.length, width / phases[0]!.length];
  /** Alternates runs of `length` numbers. */
  const alternate = (tensors: readonly string[], count: number, length: number) =>
    tensors.length === 1
      ? tensors[0]!
      : e.emit('Concat', tensors.map((tensor) => e.reshape(tensor, [count, length])), { axis: 1 }); // prettier-ignore
  const lines = phases.map((line) => alternate(line, batch * blocks * rows * columns, block));
  const all = alternate(lines, batch * blocks * rows, width * block);
  return e.reshape(all, [batch, channels, height, width]);
}
