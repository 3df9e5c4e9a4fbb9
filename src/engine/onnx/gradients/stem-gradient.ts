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
  const rows = rowsOfBand(to, outputs);
  const bands = to[0] / rows;
  /** Places that so many windows side by side read. */
  const reach = (axis: 0 | 1, windows: number) =>
    (kernel[axis] - 1) * dilations[axis] + (windows - 1) * strides[axis] + 1;
  const [height, width, depth] = [reach(0, to[0]), reach(1, to[1]), reach(0, rows)];
  const around = [0, pads[0], pads[1], 0, 0, height - from[0] - pads[0], width - from[1] - pads[1], 0];
  const pixels = step.channelsLast(x).tensor;
  const padded = around.every((n) => n === 0) ? pixels : e.emit('Pad', [pixels, e.int64s(around)]);
  const lines = e.reshape(padded, [step.batch * height, width * inputs]);
  const strips = e.reshape(dy.tensor, [(step.batch * bands * outputs) / b, rows * to[1] * b]);
  const window = {
    kernel: [rows, to[1]],
    strides: [dilations[0], 1],
    dilations: [strides[0], strides[1] * inputs],
    pads: [0, 0, 0, 0],
  } as const;
  const columns = reach(1, 1);
  const groups = Array.from({ length: step.batch * bands }, (_, group) => ({
    picture: Math.floor(group / bands),
    band: group % bands,
  }));
  const sums: string[] = [];
  // Fewer channels than a block are read as plain ones.
  for (let start = 0; start < groups.length; start += b / 2) {
    const chunk = groups.slice(start, start + b / 2);
    const read = chunk.flatMap(({ picture, band }) =>
      Array.from({ length: depth }, (_, row) => picture * height + band * rows * strides[0] + row),
    );
    const weights = chunk.flatMap(({ picture, band }) =>
      Array.from({ length: outputs / b }, (_, block) => (picture * (outputs / b) + block) * bands + band),
    );
    const taken = e.emit('Gather', [lines, e.int64s(read)], { axis: 0 });
    const kernels = e.emit('Gather', [strips, e.int64s(weights)], { axis: 0 });
    const products = blockedConvolution(e, window, {
      x: e.reshape(taken, [1, chunk.length, depth, width * inputs]),
      weight: e.reshape(kernels, [chunk.length * outputs, 1, rows, to[1]]),
      groups: chunk.length,
    });
    const each = e.reshape(products, [chunk.length, outputs / b, kernel[0], columns, inputs, b]);
    sums.push(e.reduceSum(each, [0]));
  }
  const sum = sums.reduce((a, other) => e.add(a, other));
  // With dilations, the columns between two taps are not taps.
  const taps = dilations[1] === 1 ? sum : e.emit('Slice', [sum, ...[[0], [columns], [2], [dilations[1]]].map((n) => e.int64s(n))]); // prettier-ignore
  return e.reshape(e.transpose(taps, [0, 3, 1, 2, 4]), [outputs, inputs, ...kernel]);
}

/** The most rows of dy, equally many in each band, that a core's cache holds. */
function rowsOfBand([height, width]: readonly [number, number], channels: number): number {
  const most = Math.max(1, Math.floor(CACHED / (width * channels * Float32Array.BYTES_PER_ELEMENT)));
  let rows = Math.min(height, most);
  while (height % rows !== 0) rows--;
  return rows;
}
