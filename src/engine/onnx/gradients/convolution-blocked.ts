// convolution-blocked.ts: the convolutions of the CPU-tuned lowering, on pictures in blocks of channels. The same mathematics as
// convolution.ts; dx is a convolution too, with the kernel turned around.

import { blockedConvolution, pictureMeans } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
import type { Window } from '../windows.ts';
import { weightGradient, transposedConvolution, type Operands } from './convolution.ts';

interface Blocked extends Operands {
  readonly blocks: 'outputs' | 'both';
}

export function blockedConvolutionRule(conv: Blocked, step: Step): Lowered {
  const { x, sizes, weight, bias, blocks } = conv;
  const e = step.emitter;
  // A stem takes its few channels as they are.
  const takesPlain = blocks === 'outputs' && sizes.groups === 1;
  const seen = takesPlain ? step.plain(x) : step.blocked(x);
  const tensor = blockedConvolution(e, sizes, { x: seen.tensor, weight, bias, groups: sizes.groups });
  return {
    output: { tensor, shape: conv.shape, blocked: true },
    backward: (gradient, [wanted]) => {
      const dy = step.blocked(gradient);
      if (bias !== undefined) conv.setBias(biasGradient(dy, sizes.outputs, step));
      conv.setWeight(kernelGradient(conv, seen, dy, step));
      return [wanted ? inputGradient(conv, dy, step) : undefined];
    },
  };
}

function biasGradient(dy: Value, channels: number, step: Step): string {
  const means = step.emitter.reduceSum(pictureMeans(step, dy.tensor, channels), [0]);
  return step.emitter.scale(means, dy.shape[0]! * dy.shape[1]!);
}

/** In the kernel's own layout. */
function kernelGradient(conv: Blocked, x: Value, dy: Value, step: Step): string {
  const { sizes, blocks } = conv;
  const e = step.emitter;
  const { kernel, inputs, outputs, groups } = sizes;
  const [taps, b] = [kernel[0] * kernel[1], step.block];
  if (groups > 1) return depthwiseKernelGradient(conv, x, dy, step);
  if (blocks === 'outputs') {
    const oihw = weightGradient(x.tensor, step.plain(dy).tensor, sizes, step);
    const split = e.reshape(oihw, [outputs / b, b, inputs, taps]);
    return e.reshape(e.transpose(split, [0, 2, 3, 1]), [outputs, inputs, ...kernel]);
  }
  return denseKernelGradient(conv, x, dy, step);
}

/**
 * A convolution over the picture seen with its blocks laid flat, [C/B,n,H,W·B], whose kernel is dy: dilated by a block, each step
 * along the flat axis is one input channel of one tap. A few pictures at a time (fewer than a block: then their number counts as
 * plain channels), each convolution adding to the one before. No number moves but in rows of whole pictures.
 */
function denseKernelGradient({ sizes }: Blocked, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs, outputs, from, to } = sizes;
  const b = step.block;
  // Columns are padded here and rows by the convolution; both just so far that the last tap reaches the end.
  const reach = [0, 1].map(
    (axis) => (kernel[axis]! - 1) * dilations[axis]! + (to[axis]! - 1) * strides[axis]! + 1,
  );
  const ends = [0, 1].map((axis) => reach[axis]! - from[axis]! - pads[axis]!);
  const rows = from[0] + Math.min(0, ends[0]!);
  const around = [0, 0, 0, pads[1] * b, 0, 0, rows - from[0], ends[1]! * b];
  const xChunks = swappedChunks(x, from, step).map(({ tensor, count }) => {
    const flat = e.reshape(tensor, [inputs / b, count, from[0], from[1] * b]);
    return around.every((n) => n === 0) ? flat : e.emit('Pad', [flat, e.int64s(around)]);
  });
  const window: Window = {
    kernel: to,
    strides: [dilations[0], 1],
    dilations: [strides[0], strides[1] * b],
    pads: [pads[0], 0, Math.max(0, ends[0]!), 0],
  };
  let sum: string | undefined;
  swappedChunks(dy, to, step).forEach(({ tensor, count }, i) => {
    const weight = e.reshape(tensor, [outputs, count, ...to]);
    sum = blockedConvolution(e, window, { x: xChunks[i]!, weight, sum, groups: 1 });
  });
  // [I/B,O/B,kh,kw·d·B,B]: with dilations, the columns between two taps are no taps.
  const columns = (kernel[1] - 1) * dilations[1] + 1;
  let products = e.reshape(sum!, [inputs / b, outputs / b, kernel[0], columns, b * b]);
  if (dilations[1] > 1) {
    products = e.emit('Slice', [products, ...[[0], [columns], [3], [dilations[1]]].map((n) => e.int64s(n))]);
  }
  return e.reshape(e.transpose(products, [1, 0, 2, 3, 4]), [outputs, inputs, ...kernel]);
}

/** A blocked picture as [C/B,n,H,W,B], in chunks of n pictures. */
function swappedChunks({ tensor, shape }: Value, size: readonly [number, number], step: Step) {
  const e = step.emitter;
  const blocks = shape[2]! / step.block;
  const row = size[0] * size[1] * step.block;
  const most = step.block / 2;
  const split = e.reshape(tensor, [step.batch, blocks, row]);
  return Array.from({ length: Math.ceil(step.batch / most) }, (_, i) => {
    const count = Math.min(most, step.batch - i * most);
    const bounds = [[i * most], [i * most + count], [0]].map((bound) => e.int64s(bound));
    const chunk = count === step.batch ? split : e.emit('Slice', [split, ...bounds]);
    return { tensor: e.transpose(chunk, [1, 0, 2]), count };
  });
}

/**
 * Every channel of every picture is a channel of one wide picture, and dy is its depthwise kernel: strides and dilations change
 * places, and what comes out is a kernel for each picture, in the kernel's own layout. No number has to move for it.
 */
function depthwiseKernelGradient({ sizes }: Blocked, x: Value, dy: Value, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs: channels, from, to } = sizes;
  const wide = step.batch * channels;
  // What lies beyond the last tap's reach would give taps that the kernel does not have.
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

function inputGradient(conv: Blocked, dy: Value, step: Step): Value {
  const { x, sizes } = conv;
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs, outputs, groups, from, to } = sizes;
  const taps = kernel[0] * kernel[1];
  if (!turnsAround(conv)) {
    return {
      shape: x.shape,
      tensor: transposedConvolution(step.plain(dy).tensor, plainKernel(conv, step), sizes, step),
    };
  }
  const isStrided = strides[0] > 1 || strides[1] > 1;
  const turned = turnedKernel(conv, step);
  // 1x1: first the convolution, then the zeros between its places; else the other way around.
  if (isStrided && taps === 1) {
    const small = blockedConvolution(e, { kernel, strides: [1, 1], dilations, pads: [0, 0, 0, 0] }, { x: dy.tensor, weight: turned, groups }); // prettier-ignore
    return {
      shape: x.shape,
      blocked: true,
      tensor: spread(small, inputs, sizes, step),
    };
  }
  const reach = [0, 1].map((axis) => (kernel[axis]! - 1) * dilations[axis]!);
  const spreadOut = isStrided
    ? spread(dy.tensor, outputs, { ...sizes, from: wideOf(sizes) }, step)
    : dy.tensor;
  const wide = isStrided ? wideOf(sizes) : to;
  const before = [0, 1].map((axis) => reach[axis]! - pads[axis]!);
  const after = [0, 1].map((axis) => from[axis]! - wide[axis]! + reach[axis]! - before[axis]!);
  const tensor = blockedConvolution(
    e,
    { kernel, strides: [1, 1], dilations, pads: [before[0]!, before[1]!, after[0]!, after[1]!] },
    { x: spreadOut, weight: turned, groups },
  );
  return { shape: x.shape, blocked: true, tensor };
}

/** dy with the zeros of its strides between its places. */
function wideOf({ to, strides }: Blocked['sizes']): readonly [number, number] {
  return [(to[0] - 1) * strides[0] + 1, (to[1] - 1) * strides[1] + 1];
}

/**
 * Whether dx is had by a blocked convolution with the kernel turned around. Not for a stem, whose pictures are plain; not for
 * strides of larger dense kernels, where the zeros between dy's places would make it as many times larger; and not where it would
 * have to start inside its picture.
 */
function turnsAround({ sizes, blocks }: Blocked): boolean {
  const { kernel, dilations, strides, pads, from, to, groups } = sizes;
  if (blocks === 'outputs' && groups === 1) return false;
  if (groups === 1 && (strides[0] > 1 || strides[1] > 1)) {
    return kernel[0] * kernel[1] === 1 && pads.every((pad) => pad === 0);
  }
  return [0, 1].every((axis) => {
    const reach = (kernel[axis]! - 1) * dilations[axis]!;
    const wide = (to[axis]! - 1) * strides[axis]! + 1;
    return pads[axis]! <= reach && from[axis]! - wide + pads[axis]! >= 0;
  });
}

/** OIHW. */
function plainKernel({ sizes, weight, blocks }: Blocked, step: Step): string {
  const e = step.emitter;
  const { kernel, inputs, outputs, groups } = sizes;
  const b = step.block;
  const each = inputs / groups;
  const oihw =
    blocks === 'both'
      ? e.transpose(e.reshape(weight, [outputs / b, inputs / b, ...kernel, b, b]), [0, 5, 1, 4, 2, 3])
      : e.transpose(e.reshape(weight, [outputs / b, each, ...kernel, b]), [0, 4, 1, 2, 3]);
  return e.reshape(oihw, [outputs, each, ...kernel]);
}

/** The kernel with its taps in reverse and its input and output channels swapped. */
function turnedKernel({ sizes, weight, blocks }: Blocked, step: Step): string {
  const e = step.emitter;
  const { kernel, inputs, outputs } = sizes;
  const [taps, b] = [kernel[0] * kernel[1], step.block];
  const reversed = (tensor: string, axis: number) =>
    taps === 1 ? tensor : e.emit('Gather', [tensor, e.int64s(Array.from({ length: taps }, (_, i) => taps - 1 - i))], { axis }); // prettier-ignore
  if (blocks === 'outputs') {
    return e.reshape(reversed(e.reshape(weight, [outputs / b, taps, b]), 1), [outputs, 1, ...kernel]);
  }
  const split = e.reshape(weight, [outputs / b, inputs / b, taps, b, b]);
  return e.reshape(reversed(e.transpose(split, [1, 0, 2, 4, 3]), 2), [inputs, outputs, ...kernel]);
}

/** Puts zeros between the places of a blocked picture, as strides have it, up to the size of `from`. */
function spread(
  tensor: string,
  channels: number,
  { from, to, strides }: Blocked['sizes'],
  step: Step,
): string {
  const e = step.emitter;
  const split = e.reshape(tensor, [step.batch, channels / step.block, to[0], 1, to[1], 1, step.block]);
  const between = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, strides[0] - 1, 0, strides[1] - 1, 0];
  const [height, width] = [to[0] * strides[0], to[1] * strides[1]];
  const wide = e.reshape(e.emit('Pad', [split, e.int64s(between)]), [
    step.batch,
    channels / step.block,
    height,
    width,
    step.block,
  ]);
  // Negative padding cuts.
  const around = [0, 0, 0, 0, 0, 0, 0, from[0] - height, from[1] - width, 0];
  const fitted = around.every((n) => n === 0) ? wide : e.emit('Pad', [wide, e.int64s(around)]);
  return e.reshape(fitted, [step.batch, channels, ...from]);
}
