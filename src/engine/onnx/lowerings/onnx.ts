// onnx.ts: a part of a foreign network. Its nodes go into the graph as they are, between finch's own.

import type { LayerOf } from '../../../graph/layers.ts';
import { AppError } from '../../../util/errors.ts';
import { graphOrder, NCHW } from '../axes.ts';
import type { Lowering } from '../inference-scope.ts';

/** onnx.TensorProto.DataType */
const [FLOAT32, FLOAT16] = [1, 10];

export const onnx: Lowering<LayerOf<'onnx'>> = ({ name, inputs, from, shape, isChannelsSecond }, scope) => {
  const { foreign, emitter } = scope;
  if (!foreign) throw new AppError('MODEL_INVALID', `the network behind '${name}' is not there`);
  foreign.give(from.name, () => {
    const [input] = inputs;
    const { tensor } = from.layout === 'NCHW' ? scope.nchw(input) : scope.channelsLast(input);
    return from.type === 'float16' ? emitter.emit('Cast', [tensor], { to: FLOAT16 }) : tensor;
  });
  // A cast to the type that a tensor has costs nothing: the runtime leaves it out.
  const tensor = scope.emitFor(name, 'Cast', [foreign.tensor(name)], { to: FLOAT32 });
  return { tensor, axes: isChannelsSecond ? NCHW : graphOrder(shape) };
};
