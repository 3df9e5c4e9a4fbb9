// arithmetic.ts: sums, products and joins of several layers.

import type { LayerOf } from '../../../graph/layers.ts';
import type { Lowering } from '../inference-scope.ts';

export const elementwise =
  (op: 'Add' | 'Mul'): Lowering<LayerOf<'add' | 'multiply'>> =>
  ({ name, inputs }, scope) => {
    const { tensors, layout } = scope.alike(inputs);
    const [first, ...rest] = tensors as readonly [string, ...string[]];
    const tensor = rest.reduce(
      (sum, next, i) =>
        i === rest.length - 1 ? scope.emitFor(name, op, [sum, next]) : scope.emitter.emit(op, [sum, next]),
      first,
    );
    return { tensor, layout };
  };

export const concatenate: Lowering<LayerOf<'concatenate'>> = ({ name, inputs }, scope) => {
  const { tensors, layout } = scope.alike(inputs);
  return { tensor: scope.emitFor(name, 'Concat', tensors, { axis: layout === 'nchw' ? 1 : -1 }), layout };
};
