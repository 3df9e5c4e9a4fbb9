// input.ts: the network's input: pixels, which become normalised numbers; numbers that are so already; or a vector of features.

import type { LayerOf } from '../../../graph/layers.ts';
import type { EngineModel } from '../../engine.ts';
import { graphOrder, NCHW } from '../axes.ts';
import type { InferenceScope, Lowering, Value } from '../inference-scope.ts';

export const input: Lowering<LayerOf<'input'>> = ({ name, shape }, scope) => {
  if (shape.length === 1 || scope.isNormalised) return { tensor: 'features', axes: graphOrder(shape) };
  return takesPixels(name, scope) ? { tensor: 'pixels', axes: graphOrder(shape) } : lowerPixels(name, scope);
};

/** Whether it is a foreign network's input, which takes the pixels as they are. */
function takesPixels(name: string, { consumers }: InferenceScope): boolean {
  const takers = consumers.get(name) ?? [];
  return takers.length > 0 && takers.every((layer) => layer.kind === 'onnx' && layer.from.type === 'uint8');
}

/** (x / 255 - mean) / std = a x + b: a and b for each channel. */
export function normalization({ mean, std }: Pick<EngineModel, 'mean' | 'std'>) {
  return { factors: std.map((s) => 1 / (255 * s)), terms: mean.map((m, c) => -m / std[c]!) };
}

/** uint8 NHWC -> normalised NCHW. */
function lowerPixels(name: string, scope: InferenceScope): Value {
  const { emitter: e, model } = scope;
  const { factors, terms } = normalization(model);
  const transposed = e.transpose('pixels', [0, 3, 1, 2]);
  const floats = e.emit('Cast', [transposed], { to: 1 });
  const factor = e.floats([1, 3, 1, 1], factors);
  const term = e.floats([1, 3, 1, 1], terms);
  return { tensor: scope.emitFor(name, 'Add', [e.mul(floats, factor), term]), axes: NCHW };
}
