// convolution.ts: convolutions, with the batch norm behind them folded in and the zeros before them added.

import { NCHW } from '../axes.ts';
import { packConv } from '../weights.ts';
import type { Lowering, Value } from '../inference-scope.ts';
import { windowAttributes, windowOf, type Convolution } from '../windows.ts';

export const convolution: Lowering<Convolution> = (layer, scope) => {
  const norm = scope.soleConsumer(layer, 'batchNormalization');
  const weights = packConv(layer, norm, scope.model.weights, scope.packer);
  const [from] = layer.inputs;
  const input = scope.nchw(from, 'keepPad');
  const shape = scope.shapeOf(from);
  const tensor = scope.emitFor(norm?.name ?? layer.name, 'Conv', [input.tensor, ...weights], {
    ...windowAttributes(windowOf(layer, shape, input.pad)),
    group: layer.kind === 'depthwiseConv2d' ? shape.at(-1)! : (layer.groups ?? 1),
  });
  const value: Value = { tensor, axes: NCHW };
  if (norm) scope.set(norm.name, value);
  return value;
};
