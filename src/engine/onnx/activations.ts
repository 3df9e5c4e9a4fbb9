// activations.ts: the onnx operators of each activation function. Both lowerings ask here.

import type { LayerOf } from '../../graph/layers.ts';
import type { Emitter } from './emitter.ts';

interface Options {
  /** The axis that a softmax runs over. */
  readonly channelAxis: number;
  /** The output's name, when somebody refers to it. */
  readonly name?: string;
}

/** The output of an activation layer for `input`. */
export function emitActivation(
  emitter: Emitter,
  layer: LayerOf<'activation'>,
  input: string,
  { channelAxis, ...placement }: Options,
): string {
  const { activation, alpha } = layer;
  const emit = (op: string, attributes?: Parameters<Emitter['emit']>[2]) =>
    emitter.emit(op, [input], attributes, placement);
  const gated = (gate: string) => emitter.emit('Mul', [input, gate], undefined, placement);
  switch (activation) {
    case 'linear':
      return input;
    case 'relu':
      return emit('Relu');
    case 'relu6':
      return emitter.emit('Clip', [input, emitter.scalar(0), emitter.scalar(6)], undefined, placement);
    case 'sigmoid':
      return emit('Sigmoid');
    case 'tanh':
      return emit('Tanh');
    case 'elu':
      return emit('Elu', { alpha: { float: alpha ?? 1 } });
    case 'leakyRelu':
      return emit('LeakyRelu', { alpha: { float: alpha ?? 0.3 } });
    case 'hardSigmoid':
      return emit('HardSigmoid', { alpha: { float: 0.2 }, beta: { float: 0.5 } });
    case 'hardSigmoidTorch':
      return emit('HardSigmoid', HARD_SIGMOID_TORCH);
    case 'softmax':
      return emit('Softmax', { axis: channelAxis });
    case 'swish':
      return gated(emitter.emit('Sigmoid', [input]));
    case 'hardSwish':
      return gated(emitter.emit('HardSigmoid', [input], HARD_SIGMOID_TORCH));
    default:
      throw new Error(`no operator for ${String(activation satisfies never)}`);
  }
}

const HARD_SIGMOID_TORCH = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } } as const;
