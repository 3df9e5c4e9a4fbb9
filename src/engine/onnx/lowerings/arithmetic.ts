// arithmetic.ts: sums, products and joins of several layers.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Lowering } from '../inference-scope.ts';

export const elementwise =
  (op: 'Add' | 'Mul'): Lowering<LayerOf<'add' | 'multiply'>> =>
  ({ name, inputs }, scope) => {
    const { tensors, axes } = scope.alike(inputs);
    const [first, ...rest] = tensors as readonly [string, ...string[]];
    const tensor = rest.reduce(
      (sum, next, i) =>
        i === rest.length - 1 ? scope.emitFor(name, op, [sum, next]) : scope.emitter.emit(op, [sum, next]),
      first,
    );
    return { tensor, axes };
  };

export const concatenate: Lowering<LayerOf<'concatenate'>> = ({ name, inputs }, scope) => {
  const { tensors, axes } = scope.alike(inputs);
  const axis = axes.indexOf(axes.length - 1);
  return { tensor: scope.emitFor(name, 'Concat', tensors, { axis }), axes };
};

export const rescaling: Lowering<LayerOf<'rescaling'>> = ({ name, inputs, scale, offset }, scope) => {
  const e = scope.emitter;
  const input = scope.value(inputs[0]);
  if (offset === 0) return { ...input, tensor: scope.emitFor(name, 'Mul', [input.tensor, e.scalar(scale)]) };
  return { ...input, tensor: scope.emitFor(name, 'Add', [e.scale(input.tensor, scale), e.scalar(offset)]) };
};
