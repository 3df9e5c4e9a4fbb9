// arithmetic.ts: sums, products and joins of several layers, and a layer times a number. A gradient is summed over the axes of an input's broadcast.

import type { LayerOf } from '../../../graph/layers.ts';
import { sameShape } from '../../../util/shape.ts';
import type { Rule, Step, Value } from '../step.ts';

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

export const multiply: Rule<LayerOf<'multiply'>> = (layer, inputs, step) => {
  const e = step.emitter;
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
        const others = inputs.filter((_, j) => j !== i).map((other) => other.tensor);
        return { ...input, tensor: step.sumTo(product([gradient.tensor, ...others]), output, input) };
      }),
  };
};

export const concatenate: Rule<LayerOf<'concatenate'>> = (layer, inputs, step) => {
  const e = step.emitter;
  const axis = step.channelAxis(inputs[0]);
  const tensors = inputs.map((input) => input.tensor);
  return {
    output: { tensor: e.emit('Concat', tensors, { axis }), shape: step.shapes.get(layer.name)! },
    backward: (gradient, wanted) => {
      let start = 0;
      return inputs.map((input, i) => {
        const end = start + input.shape.at(-1)!;
        const bounds = [start, end, axis].map((bound) => e.int64s([bound]));
        start = end;
        return wanted[i] ? { ...input, tensor: e.emit('Slice', [gradient.tensor, ...bounds]) } : undefined;
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
