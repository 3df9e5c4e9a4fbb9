// normalization.ts: batch norm, and layer norm over one axis.

import { elementCount } from '../../../../util/shape.ts';
import { foreignShape } from '../arrangement.ts';
import { scalarOf } from '../tensor.ts';
import { channelsOf } from './arithmetic.ts';
import type { Operator, Operators } from './operator.ts';

const batchNormalization: Operator = (call, network) => {
  if (call.flag('training_mode') || !call.flag('spatial', true)) throw call.unsupported('as in training');
  const value = call.computed();
  const from = network.channelsLast(value, call.dim(1, value), call.name);
  const channels = network.shapeOf(from.layer).at(-1)!;
  const name = network.b.batchNormalization(from.layer, network.free(call.name), {
    epsilon: call.float('epsilon', 1e-5),
    momentum: call.float('momentum', 0.9),
  });
  (['gamma', 'beta', 'moving_mean', 'moving_variance'] as const).forEach((role, i) =>
    network.setWeight(name, role, { shape: [channels], data: call.perChannel(i + 1, channels) }),
  );
  return { ...from, layer: name };
};

/** Over one axis. ONNX's own norms over all from that axis on. */
const layerNormalization: Operator = (call, network) => {
  const value = call.computed();
  const dim = call.dim(call.int('axis', -1), value);
  const from = network.channelsLast(value, dim, call.name);
  const channels = network.shapeOf(from.layer).at(-1)!;
  const given = [call.constant(1), call.constant(2)];
  // As many numbers as the axis is long may still be those of another axis.
  const isOther = given.some((weight) => weight && scalarOf(weight) === undefined && channelsOf(call, weight, value) !== dim); // prettier-ignore
  if (isOther) throw call.unsupported('with weights of another axis');
  const [scale, center] = given.map((weight) => weight !== undefined);
  const layer = network.b.layer({
    kind: 'layerNormalization',
    name: network.free(call.name),
    inputs: [from.layer],
    epsilon: call.float('epsilon', 1e-5),
    scale: scale!,
    center: center!,
  });
  if (scale) network.setWeight(layer, 'gamma', { shape: [channels], data: call.perChannel(1, channels) });
  if (center) network.setWeight(layer, 'beta', { shape: [channels], data: call.perChannel(2, channels) });
  return { ...from, layer };
};

export const NORMS: Operators = {
  BatchNormalization: batchNormalization,
  // A norm that is written out: spelled-out.ts.
  AxisNormalization: layerNormalization,
  LayerNormalization: (call, network) => {
    const value = call.computed();
    const behind = foreignShape(value).slice(call.dim(call.int('axis', -1), value) + 1);
    if (elementCount(behind) > 1) throw call.unsupported('over several axes');
    return layerNormalization(call, network);
  },
};
