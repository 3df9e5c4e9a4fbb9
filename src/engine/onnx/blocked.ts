// blocked.ts: onnxruntime's operators on pictures in blocks of channels, [N,C/B,H,W,B]: its fastest convolutions, and through
// depthwise ones of 1x1 also its fastest way to scale, shift, add and clip a picture in one pass.
//
// These operators are internal to onnxruntime's CPU provider. Its version is therefore pinned, and they are used only where their
// results have agreed with the standard operators (adoption.ts).

import type { Attributes, Emitter } from './emitter.ts';
import type { Shape } from '../../util/shape.ts';
import { STEEP } from './activations.ts';
import { windowAttributes, type Window } from './windows.ts';

const DOMAIN = 'com.microsoft.nchwc';

/**
 * onnxruntime's fused activations that finch uses, with their parameters. `reluAnew` computes the same as `relu`, but is another node:
 * onnxruntime merges two equal nodes and would keep the output of the first for both.
 */
const FUSED = {
  relu: { activation: 'Relu' },
  relu6: { activation: 'Clip', activation_params: { floats: [0, 6] } },
  /** 1 where the number is above 0, else 0: see activations.ts. */
  isPositive: { activation: 'HardSigmoid', activation_params: { floats: [STEEP, 0] } },
  reluAnew: { activation: 'Clip', activation_params: { floats: [0, 3.4028234663852886e38] } },
} as const satisfies Readonly<Record<string, Attributes>>;
export type FusedActivation = keyof typeof FUSED;

/** Work that a picture still needs: y = factor x + term + sum. A rule that needs the numbers does it. */
export interface Pending {
  /** `[C]` each. */
  readonly factor: string;
  readonly term: string;
  /** A blocked picture of the same shape. */
  readonly sum?: string;
}

interface ConvolutionInputs {
  readonly x: string;
  /** OIHWiBo, or OIHWo for depthwise convolutions and pictures of few channels. */
  readonly weight: string;
  readonly bias?: string | undefined;
  readonly sum?: string | undefined;
  readonly activation?: FusedActivation | undefined;
  readonly groups: number;
}

/** In which order a picture outside blocks has its axes. */
type PlainOrder = 'nchw' | 'nhwc';

const POINT: Window = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

export function blockedConvolution(e: Emitter, window: Window, inputs: ConvolutionInputs): string {
  const { x, weight, bias = '', sum = '', activation, groups } = inputs;
  const operands = [x, weight, bias, sum];
  while (operands.at(-1) === '') operands.pop();
  return e.emit('Conv', operands, { ...windowAttributes(window), group: groups, ...(activation && FUSED[activation]) }, { domain: DOMAIN }); // prettier-ignore
}

/** Pictures that are this wide at most get their zeros ahead of a convolution. */
const NARROW = 14;

/**
 * A convolution of a blocked picture `[N,C,H,W]`. The places at the sides of a picture, where a window reaches the padding, are computed one
 * by one, at a third of the speed: 2 of 7 or 14 columns. So a narrow picture is copied with its zeros beside it first.
 */
export function pictureConvolution(
  e: Emitter,
  window: Window,
  inputs: ConvolutionInputs,
  [batch, channels, height, width]: Shape,
): string {
  const [top, left, bottom, right] = window.pads;
  const isSlow = inputs.groups === 1 && width! <= NARROW && left + right > 0;
  if (!isSlow) return blockedConvolution(e, window, inputs);
  const copy = withZerosAround(e, inputs.x, channels!, [0, left, 0, right]);
  const x = e.reshape(copy, [batch!, channels!, height!, width! + left + right]);
  return blockedConvolution(e, { ...window, pads: [top, 0, bottom, 0] }, { ...inputs, x });
}

/** A blocked picture and zeros around it, added to `sum`: in one pass, by a depthwise kernel of one place, a 1. */
export function withZerosAround(
  e: Emitter,
  x: string,
  channels: number,
  pads: Window['pads'],
  sum?: string,
): string {
  const weight = e.floats([channels, 1, 1, 1], Array<number>(channels).fill(1));
  return blockedConvolution(e, { ...POINT, pads }, { x, weight, sum, groups: channels });
}

/**
 * A depthwise kernel that reads one place of its window.
 * @param place its number, row by row
 * @param block channels in a block
 */
export function onePlaceKernel(
  e: Emitter,
  [channels, block]: readonly [number, number],
  kernel: Window['kernel'],
  place: number,
  factor: number,
): string {
  // [C/B,kh·kw,B]
  const places = kernel[0] * kernel[1];
  const weights = new Float32Array(channels * places);
  for (let at = place; at < weights.length / block; at += places) weights.fill(factor, at * block, (at + 1) * block); // prettier-ignore
  return e.floats([channels, 1, ...kernel], weights);
}

/**
 * Has the convolution that puts out a tensor add another picture to it.
 * @returns the tensor; undefined where it comes from another operator, from a convolution that adds something already, or from one that
 * runs before the other picture is there
 */
export function addedByConvolution(e: Emitter, output: string, sum: string): string | undefined {
  const at = e.nodes.findLastIndex(({ outputs }) => outputs[0] === output);
  const node = e.nodes[at];
  if (node?.domain !== DOMAIN || node.op !== 'Conv') return undefined;
  const [x, weight, bias = '', ...others] = node.inputs;
  const isThere = e.nodes.slice(0, at).some(({ outputs }) => outputs.includes(sum));
  if (others.length > 0 || !isThere) return undefined;
  e.nodes[at] = { ...node, inputs: [x!, weight!, bias, sum] };
  return output;
}

/** factor x + term + sum, clipped, in one pass over the picture. */
export function scaledAndShifted(
  e: Emitter,
  x: string,
  channels: number,
  {
    factor,
    term,
    sum,
  }: { readonly factor: string; readonly term?: string; readonly sum?: string | undefined },
  activation?: FusedActivation,
): string {
  const weight = e.reshape(factor, [channels, 1, 1, 1]);
  return blockedConvolution(e, POINT, {
    x,
    weight,
    bias: term,
    sum,
    activation,
    groups: channels,
  });
}

/**
 * Every channel of every picture times a factor of its own: each is a channel of one wide picture.
 * @param factors `[N,C,1,1]`
 */
export function scaledPictures(
  e: Emitter,
  x: string,
  factors: string,
  [batch, channels, height, width]: Shape,
): string {
  // prettier-ignore
  const wide = batch! * channels!;
  const scaled = scaledAndShifted(e, e.reshape(x, [1, wide, height!, width!]), wide, { factor: factors });
  return e.reshape(scaled, [batch!, channels!, height!, width!]);
}

/** The mean over each picture, by channel: `[N,C]`. @param size `[N,C]` */
export function pictureMeans(e: Emitter, x: string, size: readonly [number, number]): string {
  return e.reshape(e.emit('GlobalAveragePool', [x], {}, { domain: DOMAIN }), size);
}

export function blockedMaximum(e: Emitter, x: string, window: Window): string {
  return e.emit('MaxPool', [x], windowAttributes(window), { domain: DOMAIN });
}

/** @param attributes of the pooling, as onnx's own operator has them */
export function blockedMean(e: Emitter, x: string, attributes: Attributes): string {
  return e.emit('AveragePool', [x], attributes, { domain: DOMAIN });
}

/** @param order of the plain picture: NCHW, or NHWC */
export function toBlocked(e: Emitter, x: string, order: PlainOrder = 'nchw'): string {
  return e.emit('ReorderInput', [x], { channels_last: order === 'nhwc' ? 1 : 0 }, { domain: DOMAIN });
}

export function fromBlocked(e: Emitter, x: string, channels: number, order: PlainOrder = 'nchw'): string {
  const attributes = { channels, channels_last: order === 'nhwc' ? 1 : 0 };
  return e.emit('ReorderOutput', [x], attributes, { domain: DOMAIN });
}

/**
 * The mean of a b over each picture, by channel: `[N,C]`. It takes one pass and writes nothing of the picture's size: every
 * channel of every picture is a channel of one wide picture, b is its depthwise kernel, and the kernel fits in one place only.
 * @param shape `[H,W,C]` of each of the `batch` pictures
 */
export function pictureProducts(
  e: Emitter,
  [a, b]: readonly [string, string],
  { batch, shape }: { readonly batch: number; readonly shape: Shape },
): string {
  const [height, width, channels] = shape as readonly [number, number, number];
  const wide = batch * channels;
  const x = e.reshape(a, [1, wide, height, width]);
  const weight = e.reshape(b, [wide, 1, height, width]);
  const sums = blockedConvolution(e, { ...POINT, kernel: [height, width] }, { x, weight, groups: wide });
  return e.scale(e.reshape(sums, [batch, channels]), 1 / (height * width));
}
