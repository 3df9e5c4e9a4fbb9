// convolution-blocked.ts: the convolutions of the CPU-tuned lowering, on pictures in blocks of channels. The same mathematics as
// convolution.ts; dx is a convolution too, with the kernel turned around.

import { blockedConvolution, fromBlocked, pictureConvolution, pictureMeans } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
import type { Window } from '../windows.ts';
import { chunksOf, isDepthwise, type BlockedOperands, type Sizes } from './convolution-operands.ts';
import { inputGradient } from './input-gradient-blocked.ts';
import { stemKernelGradient } from './stem-gradient.ts';

export function blockedConvolutionRule(conv: BlockedOperands, step: Step): Lowered {
  const { x, sizes, weight, bias, blocks, lessBy } = conv;
  const e = step.emitter;
  // A stem reads its few channels as a plain picture.
  const takesPlain = blocks === 'outputs' && sizes.groups === 1;
  const seen = takesPlain ? step.plain(x) : step.blocked(x);
  const minus = lessBy === undefined ? undefined : e.emit('Neg', [lessBy]);
  const inputs = {
    x: seen.tensor,
    weight,
    bias: bias !== undefined && minus !== undefined ? e.add(bias, minus) : (bias ?? minus),
    groups: sizes.groups,
  };
  const tensor = seen.blocked
    ? pictureConvolution(e, sizes, inputs, step.tensorShape(seen))
    : blockedConvolution(e, sizes, inputs);
  return {
    output: { tensor, shape: conv.shape, blocked: true, ...(lessBy !== undefined && { lessBy }) },
    backward: (gradient, [wanted]) => {
      const dy = step.blocked(gradient);
      if (bias !== undefined) conv.setBias(biasGradient(dy, sizes.outputs, step));
      conv.setWeight(kernelGradient(conv, seen, dy, step));
      return [wanted ? inputGradient(conv, dy, step) : undefined];
    },
  };
}

function biasGradient(dy: Value, channels: number, step: Step): string {
  const e = step.emitter;
  const means = e.reduceSum(pictureMeans(e, dy.tensor, [step.batch, channels]), [0]);
  return e.scale(means, dy.shape[0]! * dy.shape[1]!);
}

/** The gradient of the kernel, in the kernel's own layout. */
function kernelGradient(conv: BlockedOperands, seen: Value, dy: Value, step: Step): string {
  const x = { ...seen, tensor: step.forGradient(seen.tensor) };
  if (isDepthwise(conv.sizes)) return depthwiseKernelGradient(conv, x, dy, step);
  return x.blocked ? denseKernelGradient(conv, x, dy, step) : stemKernelGradient(conv, x, dy, step);
}

/** The gradient of a kernel that joins channels, by `slid`. */
function denseKernelGradient({ sizes }: BlockedOperands, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, dilations, groups, inputs, outputs } = sizes;
  const b = step.block;
  // What slides is read again for each block of channels of the picture under it, so it should be the one of fewer channels. At a kernel
  // of one place and stride 1, x and dy can change sides.
  if (isMatrix(sizes) && outputs > inputs) {
    const turned = slid({ ...sizes, inputs: outputs, outputs: inputs }, dy, x, step);
    const count = (outputs / b) * (inputs / b);
    // Each block is transposed as in `turnedTaps`.
    return e.reshape(fromBlocked(e, e.reshape(turned, [count, b, b / 4, 4]), b), [
      outputs,
      inputs,
      ...kernel,
    ]);
  }
  const sum = slid(sizes, x, dy, step);
  // With I and O of a group: [I/B,O/B,kh,kw·d·B,B]: with dilations, the columns between two taps are not taps.
  const columns = (kernel[1] - 1) * dilations[1] + 1;
  const blocks = inputs / groups / b;
  let products = e.reshape(sum, [blocks, outputs / b, kernel[0], columns, b * b]);
  if (dilations[1] > 1) {
    products = e.emit('Slice', [products, ...[[0], [columns], [3], [dilations[1]]].map((n) => e.int64s(n))]);
  }
  return e.reshape(e.transpose(products, [1, 0, 2, 3, 4]), [outputs, blocks * b, ...kernel]);
}

/** A product of matrices: each place by itself. */
function isMatrix({ kernel, strides, pads, groups }: Sizes): boolean {
  return groups === 1 && [...kernel, ...strides].every((n) => n === 1) && pads.every((n) => n === 0);
}

/**
 * A convolution over the picture with its blocks laid flat, [C/B,n,H,W·B]. Its kernel is dy, dilated by a block, so that each
 * step along the flat axis is one input channel of one tap. Each convolution takes a few pictures, fewer than a block, because
 * then their number counts as plain channels, and adds to the result of the one before. Numbers are moved only in rows of whole
 * pictures. A group of channels stays a group.
 * @returns `[I/B,O/B,kh,kw·d·B,B]` of each group
 */
function slid(sizes: Sizes, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, groups, outputs, from, to } = sizes;
  const b = step.block;
  const blocks = sizes.inputs / groups / b;
  // Columns are padded here, and rows by the convolution. Both are padded only until the last tap reaches the end.
  const reach = [0, 1].map(
    (axis) => (kernel[axis]! - 1) * dilations[axis]! + (to[axis]! - 1) * strides[axis]! + 1,
  );
  const ends = [0, 1].map((axis) => reach[axis]! - from[axis]! - pads[axis]!);
  const rows = from[0] + Math.min(0, ends[0]!);
  const around = [0, 0, 0, pads[1] * b, 0, 0, rows - from[0], ends[1]! * b];
  const chunks = chunksOf(step.batch, groups, b)!;
  const xChunks = swapped(x, from, groups, chunks, step).map((tensor, i) => {
    const flat = e.reshape(tensor, [blocks, groups * chunks[i]!, from[0], from[1] * b]);
    return around.every((n) => n === 0) ? flat : e.emit('Pad', [flat, e.int64s(around)]);
  });
  const window: Window = {
    kernel: to,
    strides: [dilations[0], 1],
    dilations: [strides[0], strides[1] * b],
    pads: [pads[0], 0, Math.max(0, ends[0]!), 0],
  };
  let sum: string | undefined;
  swapped(dy, to, 1, chunks, step).forEach((tensor, i) => {
    const weight = e.reshape(tensor, [outputs, chunks[i]!, ...to]);
    sum = blockedConvolution(e, window, { x: xChunks[i]!, weight, sum, groups });
  });
  return sum!;
}

/**
 * A blocked picture as [C/G/B,G,n,H,W,B] for G groups, in chunks of n pictures. Each chunk is gathered from the rows in one pass, and
 * not cut out first and then transposed.
 */
function swapped(
  { tensor, shape }: Value,
  size: readonly [number, number],
  groups: number,
  chunks: readonly number[],
  step: Step,
) {
  // prettier-ignore
  const e = step.emitter;
  const { block } = step;
  const blocks = shape[2]! / block / groups;
  const rows = e.reshape(tensor, [step.batch * groups * blocks, size[0] * size[1] * block]);
  let start = 0;
  return chunks.map((count) => {
    const order: number[] = [];
    for (let at = 0; at < blocks; at++) {
      for (let group = 0; group < groups; group++) {
        for (let n = start; n < start + count; n++) order.push((n * groups + group) * blocks + at);
      }
    }
    start += count;
    return e.emit('Gather', [rows, e.int64s(order)], { axis: 0 });
  });
}

/**
 * Every channel of every picture is a channel of one wide picture, and dy is its depthwise kernel. Strides and dilations are
 * exchanged. The result is a kernel for each picture, in the kernel's own layout. No numbers have to be moved for this.
 */
function depthwiseKernelGradient({ sizes }: BlockedOperands, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs: channels, from, to } = sizes;
  const wide = step.batch * channels;
  // Rows and columns beyond the last tap's reach would give taps that the kernel does not have.
  const reach = [0, 1].map(
    (axis) => (kernel[axis]! - 1) * dilations[axis]! + (to[axis]! - 1) * strides[axis]! + 1,
  );
  const excess = [0, 1].map((axis) => from[axis]! + pads[axis]! + pads[axis + 2]! - reach[axis]!);
  const ends = [0, 1].map((axis) => pads[axis + 2]! - excess[axis]!);
  const isCut = ends.some((end) => end < 0);
  const all = blockedConvolution(
    e,
    {
      kernel: to,
      strides: dilations,
      dilations: strides,
      pads: isCut ? pads : [pads[0], pads[1], ends[0]!, ends[1]!],
    },
    {
      x: e.reshape(x.tensor, [1, wide, ...from]),
      weight: e.reshape(dy.tensor, [wide, 1, ...to]),
      groups: wide,
    },
  );
  const size = isCut
    ? [0, 1].map((axis) => Math.floor(excess[axis]! / dilations[axis]!) + kernel[axis]!)
    : kernel;
  const perPicture = e.reshape(all, [step.batch, channels / step.block, ...size, step.block]);
  const taps = isCut
    ? e.emit('Slice', [perPicture, e.int64s([0, 0]), e.int64s(kernel), e.int64s([2, 3])])
    : perPicture;
  return e.reshape(e.reduceSum(taps, [0]), [channels, 1, ...kernel]);
}
