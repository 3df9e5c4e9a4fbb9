// stem-gradient.ts: the gradient of a stem's kernel, whose pictures are plain and have few channels.

import { blockedConvolution } from '../blocked.ts';
import type { Step, Value } from '../step.ts';
import type { BlockedOperands } from './convolution-operands.ts';

/** Bytes of dy that one convolution goes over again and again: they stay in a core's own cache. */
const CACHED = 512 * 1024;

/**
 * A convolution over the pixels as they are, [n,H,W·C], whose kernel is dy, dilated by C: each step along the flat axis is one channel
 * of one tap. The pictures are cut into bands of rows. Each band is a group with a kernel of its own: few enough numbers that a core keeps
 * them. The groups' results are then added.
 * @param x the stem's input, outside blocks
 */
export function stemKernelGradient({ sizes }: BlockedOperands, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs, outputs, from, to } = sizes;
  const b = step.block;
  /** Places that so many windows side by side read. */
  const reach = (axis: 0 | 1, windows: number) =>
    (kernel[axis] - 1) * dilations[axis] + (windows - 1) * strides[axis] + 1;
  const [height, width] = [reach(0, to[0]), reach(1, to[1])];
  const around = [0, pads[0], pads[1], 0, 0, height - from[0] - pads[0], width - from[1] - pads[1], 0];
  const pixels = step.channelsLast(x).tensor;
  const padded = around.every((n) => n === 0) ? pixels : e.emit('Pad', [pixels, e.int64s(around)]);
  const lines = e.reshape(padded, [step.batch * height, width * inputs]);
  // Of dy, by picture, block of channels, and row.
  const strips = e.reshape(dy.tensor, [(step.batch * outputs * to[0]) / b, to[1] * b]);
  const columns = reach(1, 1);
  const sums = chunksOfBands(step.batch, to, { outputs, most: b / 2 }).map((chunk) => {
    const { rows } = chunk[0]!;
    const depth = reach(0, rows);
    const read = chunk.flatMap(({ picture, start }) => range(picture * height + start * strides[0], depth));
    const weights = chunk.flatMap(({ picture, start }) =>
      range((picture * outputs) / b, outputs / b).flatMap((block) => range(block * to[0] + start, rows)),
    );
    const taken = e.emit('Gather', [lines, e.int64s(read)], { axis: 0 });
    const kernels = e.emit('Gather', [strips, e.int64s(weights)], { axis: 0 });
    const window = {
      kernel: [rows, to[1]],
      strides: [dilations[0], 1],
      dilations: [strides[0], strides[1] * inputs],
      pads: [0, 0, 0, 0],
    } as const;
    const products = blockedConvolution(e, window, {
      x: e.reshape(taken, [1, chunk.length, depth, width * inputs]),
      weight: e.reshape(kernels, [chunk.length * outputs, 1, rows, to[1]]),
      groups: chunk.length,
    });
    return e.reduceSum(e.reshape(products, [chunk.length, outputs / b, kernel[0], columns, inputs, b]), [0]);
  });
  const sum = sums.reduce((a, other) => e.add(a, other));
  // With dilations, the columns between two taps are not taps.
  const taps = dilations[1] === 1 ? sum : e.emit('Slice', [sum, ...[[0], [columns], [2], [dilations[1]]].map((n) => e.int64s(n))]); // prettier-ignore
  return e.reshape(e.transpose(taps, [0, 3, 1, 2, 4]), [outputs, inputs, ...kernel]);
}

/** Rows of a picture's dy. */
interface Band {
  readonly picture: number;
  readonly start: number;
  readonly rows: number;
}

/** All bands, as tall as a core's cache allows, in chunks of at most `most` bands of one height: fewer channels than a block are read as plain ones. */
function chunksOfBands(
  batch: number,
  [height, width]: readonly [number, number],
  { outputs, most }: { readonly outputs: number; readonly most: number },
): readonly (readonly Band[])[] {
  const tallest = Math.max(1, Math.floor(CACHED / (width * outputs * Float32Array.BYTES_PER_ELEMENT)));
  const count = Math.ceil(height / tallest);
  const starts = range(0, count + 1).map((band) => Math.floor((band * height) / count));
  const bands = range(0, batch).flatMap((picture) =>
    range(0, count).map((band) => ({
      picture,
      start: starts[band]!,
      rows: starts[band + 1]! - starts[band]!,
    })),
  );
  // Heights differ by one row at most.
  return [Math.floor(height / count), Math.ceil(height / count)]
    .filter((rows, i, all) => all.indexOf(rows) === i)
    .flatMap((rows) => {
      const alike = bands.filter((band) => band.rows === rows);
      return range(0, Math.ceil(alike.length / most)).map((i) => alike.slice(i * most, (i + 1) * most));
    });
}

const range = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i);
