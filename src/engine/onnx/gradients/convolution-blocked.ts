// convolution-blocked.ts: the convolutions of the CPU-tuned lowering, on pictures in blocks of channels. The same mathematics as
// convolution.ts; dx is a convolution too, with the kernel turned around.

import { blockedConvolution, blockedToChannelsLast, pictureMeans } from '../blocked.ts';
import type { Lowered, Step, Value } from '../step.ts';
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
  const xLast = blockedToChannelsLast(step, x.tensor, x);
  const dyLast = blockedToChannelsLast(step, dy.tensor, dy);
  const products = productsOfTaps(xLast, dyLast, conv, step); // [taps,I,O]
  const split = e.reshape(products, [taps, inputs / b, b, outputs / b, b]);
  return e.reshape(e.transpose(split, [3, 1, 0, 2, 4]), [outputs, inputs, ...kernel]);
}

/** xᵀ dy for each tap of the kernel. */
function productsOfTaps(xLast: string, dyLast: string, { sizes }: Blocked, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs, outputs, to } = sizes;
  const places = step.batch * to[0] * to[1];
  const [top, left, bottom, right] = pads;
  const isPadded = pads.some((pad) => pad > 0);
  const padded = isPadded ? e.emit('Pad', [xLast, e.int64s([0, top, left, 0, 0, bottom, right, 0])]) : xLast;
  const dyRows = e.reshape(dyLast, [places, outputs]);
  const isWhole = kernel[0] * kernel[1] === 1 && strides[0] === 1 && strides[1] === 1 && !isPadded;
  const taps: string[] = [];
  for (let row = 0; row < kernel[0]; row++) {
    for (let column = 0; column < kernel[1]; column++) {
      const start = [row * dilations[0], column * dilations[1]];
      const end = start.map((from, axis) => from + (to[axis]! - 1) * strides[axis]! + 1);
      const seen = isWhole
        ? padded
        : e.emit('Slice', [padded, e.int64s(start), e.int64s(end), e.int64s([1, 2]), e.int64s(strides)]);
      taps.push(e.emit('Gemm', [e.reshape(seen, [places, inputs]), dyRows], { transA: 1 }));
    }
  }
  return taps.length === 1 ? taps[0]! : e.emit('Concat', taps, { axis: 0 });
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
