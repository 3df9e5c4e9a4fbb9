// max-pooling.ts: a maximum sends its gradient to the first place with that maximum, as in PyTorch.

import type { Layer, LayerOf } from '../../../graph/layers.ts';
import { elementCount, sameShape } from '../../../util/shape.ts';
import { isPositive } from '../activations.ts';
import { blockedConvolution, blockedMaximum, onePlaceKernel } from '../blocked.ts';
import type { Rule, Step, Value } from '../step.ts';
import { isSubsampledBy, windowAttributes, windowOf, type Window } from '../windows.ts';
import { overlapAdd, type Geometry } from './overlap-add.ts';

/** This is below every number that a network computes, and its difference from these numbers still fits into a float. */
const LOWEST = -1e38;

/**
 * The maximum of a window is the largest of the maxima of its rows. Both steps have a gradient of their own, and so a window of k rows
 * and k columns takes 2 k taps and not k². Of equal maxima this takes the topmost row, and in it the leftmost place: PyTorch's order.
 */
export const maxPooling: Rule<LayerOf<'maxPooling2d'>> = (layer, [given], step) => {
  // A window of one place: nothing is left to do where the layer before has computed the places that are used.
  const isDone = elementCount(layer.poolSize) === 1 && sameShape(given.shape, step.shapes.get(layer.name)!);
  if (isDone) return { output: given, backward: (gradient) => [gradient] };
  const e = step.emitter;
  const { pad, ...x } = step.settled(given);
  const next = subsamplingOf(layer, step);
  const { strides, name } = next ?? layer;
  const window = { ...windowOf(layer, x.shape, pad), strides };
  const [height, , channels] = x.shape as readonly [number, number, number];
  const shape = step.shapes.get(name)!;
  const output: Value = { ...x, tensor: maxima(x, window, step), shape };
  const isRectified = isOfRelu(layer, step);
  return {
    output,
    backward: (gradient) => {
      const { tensor } = step.like(gradient, x);
      // Where the maximum is 0, the ReLU before it passes nothing on: the gradient becomes 0 here already.
      const dy = isRectified ? e.mul(tensor, isPositive(e, output.tensor)) : tensor;
      const ofRow = windowAlong('columns', window);
      const size = [height, shape[1]!, channels];
      const rows = isSame(ofRow) ? x : { ...x, tensor: maxima(x, ofRow, step), shape: size };
      const of = { isRectified, step };
      const between = inputGradient(dy, { window: windowAlong('rows', window), from: rows, to: output }, of);
      const dx = inputGradient(between, { window: ofRow, from: x, to: rows }, of);
      if (isRectified) step.rectified.add(dx);
      return [{ ...x, tensor: dx }];
    },
  };
};

function maxima({ tensor, blocked }: Value, window: Window, { emitter: e }: Step): string {
  if (blocked) return blockedMaximum(e, tensor, window);
  const { dilations: _, ...attributes } = windowAttributes(window);
  return e.emit('MaxPool', [tensor], attributes);
}

/** The layer behind a maximum at every place that uses every n-th: these alone are computed, under both names. */
function subsamplingOf(
  layer: LayerOf<'maxPooling2d'>,
  { consumers }: Step,
): LayerOf<'maxPooling2d'> | undefined {
  const [next, ...others] = consumers.get(layer.name) ?? [];
  return others.length === 0 && isSubsampledBy(layer, next) ? (next as LayerOf<'maxPooling2d'>) : undefined;
}

/** Whether the maxima are those of what a ReLU puts out, perhaps with zeros around it. */
function isOfRelu({ inputs: [from] }: Layer, step: Step): boolean {
  const before = step.graph.layers.find(({ name }) => name === from)!;
  if (before.kind === 'zeroPadding2d') return isOfRelu(before, step);
  return before.kind === 'activation' && before.activation === 'relu';
}

/** What moves: over the columns a row is seen, over the rows a column. */
type Axis = 'rows' | 'columns';

function windowAlong(
  axis: Axis,
  { kernel, strides, dilations, pads: [top, left, bottom, right] }: Window,
): Window {
  return axis === 'rows'
    ? { kernel: [kernel[0], 1], strides: [strides[0], 1], dilations, pads: [top, 0, bottom, 0] }
    : { kernel: [1, kernel[1]], strides: [1, strides[1]], dilations, pads: [0, left, 0, right] };
}

/** A window of one place that goes over every place. */
function isSame({ kernel, strides }: Window): boolean {
  return [...kernel, ...strides].every((size) => size === 1);
}

/**
 * The gradient is passed through the taps of the window in order: a tap whose x is the maximum keeps it, any other tap passes it
 * on to the next. This needs no indices, which some devices do not return. Of several equal maxima the first one gets everything.
 *
 * @param geometry a window of one row or one column
 * @param isRectified whether no x is below 0, and dy is 0 where the maximum is: then the zeros around the picture get nothing
 */
function inputGradient(
  dy: string,
  geometry: Geometry,
  { isRectified, step }: { readonly isRectified: boolean; readonly step: Step },
): string {
  const { window, from, to } = geometry;
  if (isSame(window)) return dy;
  const e = step.emitter;
  const isBelow = from.blocked ? blockedComparison(geometry, isRectified, step) : plainComparison(geometry, step); // prettier-ignore
  let falling = e.reshape(dy, step.places(to));
  const kept = Array.from({ length: elementCount(window.kernel) - 1 }, (_, tap) => {
    const onward = e.mul(falling, isBelow(tap));
    const share = e.sub(falling, onward);
    falling = onward;
    return share;
  });
  // Whatever has come as far as the last tap is its own.
  const taps = [...kept, falling];
  return overlapAdd(window.kernel[0] === 1 ? [taps] : taps.map((tap) => [tap]), geometry, step);
}

/** 1 where the x that a tap reads is below the maximum, else 0. */
type Comparison = (tap: number) => string;

function plainComparison({ window, from, to }: Geometry, step: Step): Comparison {
  const e = step.emitter;
  const { strides } = window;
  const y = e.reshape(to.tensor, step.places(to));
  const picture = padded(from, window, step);
  return (tap) => {
    const start = window.kernel[0] === 1 ? [0, tap] : [tap, 0];
    const end = start.map((first, axis) => first + (to.shape[axis]! - 1) * strides[axis]! + 1);
    const x = e.emit('Slice', [picture, e.int64s(start), e.int64s(end), e.int64s([2, 3]), e.int64s(strides)]); // prettier-ignore
    return isPositive(e, e.sub(y, x));
  };
}

/** What a tap reads is the output of a convolution whose kernel is -1 at the tap and 0 elsewhere. Unlike Slice it uses all threads. */
function blockedComparison({ window, from, to }: Geometry, isRectified: boolean, step: Step): Comparison {
  const e = step.emitter;
  const { kernel, pads } = window;
  const [height, width, channels] = from.shape as readonly [number, number, number];
  const y = e.reshape(to.tensor, step.tensorShape(to));
  // A convolution itself puts zeros around the picture.
  const [x, slides] = isRectified
    ? [e.reshape(from.tensor, [step.batch, channels, height, width]), window]
    : [
        e.reshape(padded(from, window, step), [step.batch, channels, height + pads[0] + pads[2], width + pads[1] + pads[3]]), // prettier-ignore
        { ...window, pads: [0, 0, 0, 0] } as const,
      ];
  return (tap) => {
    const weight = onePlaceKernel(e, [channels, step.block], kernel, tap, -1);
    const isBelow = blockedConvolution(e, slides, { x, weight, sum: y, activation: 'isPositive', groups: channels }); // prettier-ignore
    return e.reshape(isBelow, step.places(to));
  };
}

/** The places of the picture with the lowest number around them. */
function padded(picture: Value, { pads: [top, left, bottom, right] }: Window, step: Step): string {
  const e = step.emitter;
  const x = e.reshape(picture.tensor, step.places(picture));
  const sizes = [0, 0, top, left, 0, 0, 0, bottom, right, 0];
  return sizes.every((size) => size === 0) ? x : e.emit('Pad', [x, e.int64s(sizes), e.scalar(LOWEST)]);
}
