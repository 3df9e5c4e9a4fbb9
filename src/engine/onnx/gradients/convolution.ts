// convolution.ts: convolutions, depthwise and grouped ones too: dx is the transposed convolution of dy, dW correlates x with dy.
// Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016, chapter 4.

import type { Shape } from '../../../util/shape.ts';
import type { Lowered, Rule, Step } from '../step.ts';
import { kernelBlocks } from '../variables.ts';
import { windowAttributes, type Convolution } from '../windows.ts';
import { runningStatistics } from './batch-normalization-statistics.ts';
import { blockedConvolutionRule } from './convolution-blocked.ts';
import { widened } from './convolution-grouped.ts';
import { sizesOf, transposedConvolution, type Operands, type Sizes } from './convolution-operands.ts';

export const convolution: Rule<Convolution> = (layer, [x], step) => {
  const sizes = sizesOf(layer, x, step);
  const role = layer.kind === 'depthwiseConv2d' ? 'depthwise_kernel' : 'kernel';
  const operands: Operands = {
    x,
    sizes,
    weight: step.weight(layer, role),
    bias: layer.useBias ? step.weight(layer, 'bias') : undefined,
    lessBy: runningMeanBehind(layer, step),
    shape: step.shapes.get(layer.name)!,
    setWeight: (gradient) => step.setGradient(layer, role, gradient),
    setBias: (gradient) => step.setGradient(layer, 'bias', gradient),
  };
  const kernel = [sizes.outputs, sizes.inputs / sizes.groups, ...sizes.kernel];
  const blocks = kernelBlocks(layer, kernel, step.block);
  if (blocks !== 'none') return blockedConvolutionRule({ ...operands, blocks }, step);
  const wide = layer.kind === 'conv2d' ? widened(operands, step) : undefined;
  if (wide) return blockedConvolutionRule(wide, step);
  return plainConvolution({ ...operands, x: step.plain(x) }, step);
};

/**
 * The running mean of the norm that alone reads the layer's output. A blocked convolution subtracts it for nothing, and what is left
 * mostly has a mean near 0, of which the norm can compute the variance without another pass over the picture.
 */
function runningMeanBehind(layer: Convolution, step: Step): string | undefined {
  const [next, ...others] = step.consumers.get(layer.name) ?? [];
  const isAlone =
    next?.kind === 'batchNormalization' && others.length === 0 && step.graph.output !== layer.name;
  return isAlone ? runningStatistics(next, step).mean : undefined;
}

function plainConvolution(
  { x, sizes, weight, bias, shape, setWeight, setBias }: Operands,
  step: Step,
): Lowered {
  const e = step.emitter;
  const operands = [x.tensor, weight, ...(bias === undefined ? [] : [bias])];
  const tensor = e.emit('Conv', operands, { ...windowAttributes(sizes), group: sizes.groups });
  return {
    output: { tensor, shape },
    backward: (gradient, [wanted]) => {
      const dy = step.plain(gradient).tensor;
      if (bias !== undefined) setBias(e.reduceSum(dy, [0, 2, 3]));
      setWeight(weightGradient(x.tensor, dy, sizes, step));
      if (!wanted) return [undefined];
      return [{ tensor: transposedConvolution(dy, weight, sizes, step), shape: x.shape }];
    },
  };
}

/** `[O,I/groups,kh,kw]`: the sum, over the batch and all places, of dy times the x that each tap of the kernel reads there. */
function weightGradient(x: string, dy: string, sizes: Sizes, step: Step): string {
  // Devices are fastest at one matrix product for each tap, but with only a few channels in a group these products are too small.
  const isWide = sizes.groups === 1 && sizes.inputs > 4;
  return isWide ? byMatMul(x, dy, sizes, step) : byConvolution(x, dy, sizes, step);
}

function byMatMul(x: string, dy: string, sizes: Sizes, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, inputs, outputs, to } = sizes;
  const places = step.batch * to[0] * to[1];
  const isPadded = pads.some((pad) => pad > 0);
  const [top, left, bottom, right] = pads;
  const padded = isPadded ? e.emit('Pad', [x, e.int64s([0, 0, top, left, 0, 0, bottom, right])]) : x;
  const xLast = e.transpose(padded, [0, 2, 3, 1]);
  const dyFirst = e.reshape(e.transpose(dy, [1, 0, 2, 3]), [outputs, places]);
  const taps: string[] = [];
  for (let row = 0; row < kernel[0]; row++) {
    for (let column = 0; column < kernel[1]; column++) {
      const start = [row * dilations[0], column * dilations[1]];
      const end = start.map((from, axis) => from + (to[axis]! - 1) * strides[axis]! + 1);
      const seen = e.emit('Slice', [
        xLast,
        e.int64s(start),
        e.int64s(end),
        e.int64s([1, 2]),
        e.int64s(strides),
      ]);
      taps.push(e.emit('MatMul', [dyFirst, e.reshape(seen, [places, inputs])]));
    }
  }
  const stacked = taps.length === 1 ? taps[0]! : e.emit('Concat', taps, { axis: 0 });
  return e.transpose(e.reshape(stacked, [...kernel, outputs, inputs]), [2, 3, 0, 1]);
}

/**
 * A convolution whose kernel is dy and whose input channels are the batch: strides and dilations are exchanged.
 * x [N,G·I,H,W] -> [I,G·N,H,W], dy [N,O,h,w] -> [O,N,h,w], result [I,O,kh,kw] and a remainder that belongs to no tap.
 */
function byConvolution(x: string, dy: string, sizes: Sizes, step: Step): string {
  const e = step.emitter;
  const { kernel, strides, dilations, pads, groups, inputs, outputs, from, to } = sizes;
  const each = inputs / groups;
  const split: Shape = [step.batch, groups, each, ...from];
  const xSwapped = e.reshape(e.transpose(e.reshape(x, split), [2, 1, 0, 3, 4]), [
    each,
    groups * step.batch,
    ...from,
  ]);
  const dySwapped = e.shaped(e.transpose(dy, [1, 0, 2, 3]), [outputs, step.batch, ...to]);
  const all = e.emit('Conv', [xSwapped, dySwapped], {
    kernel_shape: to,
    strides: dilations,
    dilations: strides,
    pads,
    group: groups,
  });
  const taps = e.emit('Slice', [all, e.int64s([0, 0]), e.int64s(kernel), e.int64s([2, 3])]);
  return e.transpose(taps, [1, 0, 2, 3]);
}
