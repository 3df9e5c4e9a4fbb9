// arithmetic.ts: sums, products and joins of several layers. A gradient is summed over what an input was broadcast along.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Rule } from '../step.ts';

export const add: Rule<LayerOf<'add'>> = (layer, inputs, step) => {
  const output = {
    tensor: inputs.map((input) => input.tensor).reduce((a, b) => step.emitter.add(a, b)),
    shape: step.shapes.get(layer.name)!,
  };
  return {
    output,
    backward: (gradient, wanted) =>
      inputs.map((input, i) =>
        wanted[i] ? { ...input, tensor: step.sumTo(gradient.tensor, output, input) } : undefined,
      ),
  };
};

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
