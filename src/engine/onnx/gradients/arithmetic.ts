// arithmetic.ts: sums, products and joins of several layers, and a layer times a number. A gradient is summed over the axes of an input's broadcast.

import type { LayerOf } from '../../../graph/layers.ts';
import { sameShape } from '../../../util/shape.ts';
import { pictureProducts, scaledPictures } from '../blocked.ts';
import type { Lowered, Rule, Step, Value } from '../step.ts';

export const add: Rule<LayerOf<'add'>> = (layer, given, step) => {
  if (given.some((value) => value.blocked) && given.every(({ shape }) => sameShape(shape, given[0].shape))) {
    return { output: blockedSum(given, step), backward: (gradient) => given.map(() => gradient) };
  }
  const inputs = given.map((value) => step.plain(value));
  const output = {
    tensor: inputs.map((input) => input.tensor).reduce((a, b) => step.emitter.add(a, b)),
    shape: step.shapes.get(layer.name)!,
  };
  return {
    output,
    backward: (gradient, wanted) => {
      const { tensor } = step.plain(gradient);
      return inputs.map((input, i) =>
        wanted[i] ? { ...input, tensor: step.sumTo(tensor, output, input) } : undefined,
      );
    },
  };
};

/** If a summand still has a pending pass over its picture, the sum of the others is added in that pass. */
function blockedSum(given: readonly [Value, ...Value[]], step: Step): Value {
  const late = given.find((value) => value.pending && value.pending.sum === undefined);
  const rest = given.filter((value) => value !== late).map((value) => step.blocked(value));
  const sum = rest.map((value) => value.tensor).reduce((a, b) => step.emitter.add(a, b));
  return late ? { ...late, pending: { ...late.pending!, sum } } : { ...rest[0]!, tensor: sum };
}

export const multiply: Rule<LayerOf<'multiply'>> = (layer, given, step) => {
  const [first, second, ...others] = given;
  if (second && others.length === 0) {
    if (isGateOf(first, second)) return gated([second, first], 1, step);
    if (isGateOf(second, first)) return gated([first, second], 0, step);
  }
  const e = step.emitter;
  const inputs = given.map((value) => step.plain(value));
  const product = (tensors: readonly string[]) => tensors.reduce((a, b) => e.mul(a, b));
  const output = {
    tensor: product(inputs.map((input) => input.tensor)),
    shape: step.shapes.get(layer.name)!,
  };
  return {
    output,
    backward: (gradient, wanted) =>
      inputs.map((input, i) => {
        if (!wanted[i]) return undefined;
        const rest = inputs.filter((_, j) => j !== i).map((other) => other.tensor);
        const dy = step.plain(gradient).tensor;
        return { ...input, tensor: step.sumTo(product([dy, ...rest]), output, input) };
      }),
  };
};

/** Whether one value is a factor for each channel of each blocked picture of the other. */
function isGateOf(gate: Value, picture: Value): boolean {
  const [height, width, channels] = gate.shape;
  return picture.blocked === true && height === 1 && width === 1 && channels === picture.shape.at(-1);
}

/** A blocked picture times its gate, in one pass. @param at the picture's place among the layer's inputs */
function gated([given, gate]: readonly [Value, Value], at: 0 | 1, step: Step): Lowered {
  const e = step.emitter;
  const x = step.settled(given);
  const [height, width, channels] = x.shape as readonly [number, number, number];
  const factor = step.plain(gate);
  return {
    output: { ...x, tensor: scaledPictures(e, x.tensor, factor.tensor, step.tensorShape(x)) },
    backward: (gradient, wanted) => {
      const dy = step.blocked(gradient).tensor;
      const ofPicture = wanted[at]
        ? { ...x, tensor: scaledPictures(e, dy, factor.tensor, step.tensorShape(x)) }
        : undefined;
      let ofGate: Value | undefined;
      if (wanted[1 - at]) {
        const means = pictureProducts(e, [x.tensor, dy], { batch: step.batch, shape: x.shape });
        const sums = e.scale(means, height * width);
        ofGate = { ...factor, tensor: e.reshape(sums, [step.batch, channels, 1, 1]) };
      }
      return at === 0 ? [ofPicture, ofGate] : [ofGate, ofPicture];
    },
  };
}

/** Channels that fill blocks lie one after the other in a blocked picture too, so that joining and cutting are the same there. */
export const concatenate: Rule<LayerOf<'concatenate'>> = (layer, given, step) => {
  const e = step.emitter;
  const isBlocked =
    given.some((value) => value.blocked) && given.every(({ shape }) => step.isBlockable(shape.at(-1)!));
  const form = (value: Value) => (isBlocked ? step.blocked(value) : step.plain(value));
  const inputs = given.map(form);
  const axis = step.channelAxis(inputs[0]!);
  const tensors = inputs.map((input) => input.tensor);
  const shape = step.shapes.get(layer.name)!;
  return {
    output: { tensor: e.emit('Concat', tensors, { axis }), shape, ...(isBlocked && { blocked: true }) },
    backward: (gradient, wanted) => {
      const dy = form(gradient).tensor;
      let start = 0;
      return inputs.map((input, i) => {
        const end = start + input.shape.at(-1)!;
        const bounds = [start, end, axis].map((bound) => e.int64s([bound]));
        start = end;
        return wanted[i] ? { ...input, tensor: e.emit('Slice', [dy, ...bounds]) } : undefined;
      });
    },
  };
};

export const rescaling: Rule<LayerOf<'rescaling'>> = ({ scale, offset }, [given], step) => {
  const e = step.emitter;
  const x = step.settled(given);
  const scaled = e.scale(x.tensor, scale);
  return {
    output: { ...x, tensor: offset === 0 ? scaled : e.add(scaled, e.scalar(offset)) },
    backward: (gradient) => [{ ...gradient, tensor: e.scale(gradient.tensor, scale) }],
  };
};
