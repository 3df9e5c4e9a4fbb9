// predictor.ts: a session of the runtime -> what finch asks of a network: pictures or numbers in, a tensor for each output.

import { sameShape } from '../../util/shape.ts';
import type { Batch, Features, Predictor, Tensor } from '../engine.ts';
import { inParts } from './fixed-batch.ts';
import type { LoweredModel } from './lower-inference.ts';
import { otherShape } from './refusal.ts';
import type { Runtime, Session } from './runtime.ts';

export interface PredictorOptions {
  readonly runtime: Pick<Runtime, 'Tensor'>;
  /** For a foreign network, whose shapes may turn out to be others: what an error of its run becomes. */
  readonly refused?: ((error: unknown) => unknown) | undefined;
}

export function predictorOf(
  session: Session,
  {
    input,
    inputShape,
    outputs,
    batch: size,
  }: Pick<LoweredModel, 'input' | 'inputShape' | 'outputs' | 'batch'>,
  { runtime: { Tensor: OnnxTensor }, refused }: PredictorOptions,
): Predictor {
  const runOnce = async (batch: Batch | Features): Promise<readonly Tensor[]> => {
    const tensor =
      'height' in batch
        ? new OnnxTensor('uint8', batch.data, [batch.count, batch.height, batch.width, 3])
        : new OnnxTensor('float32', batch.data, [batch.count, ...inputShape]);
    const results = await session.run({ [input]: tensor }).catch((error: unknown) => {
      throw refused ? refused(error) : error;
    });
    return outputs.map(({ name, shape }) => {
      const { data, dims } = results[name]!;
      if (refused && !sameShape(dims, [batch.count, ...shape])) throw otherShape(name, dims, shape);
      return { data: data as Float32Array, shape: dims };
    });
  };
  return {
    outputShapes: outputs.map(({ shape }) => shape),
    run: (batch) =>
      size !== undefined && 'height' in batch ? inParts(batch, size, runOnce) : runOnce(batch),
    dispose: () => session.release(),
  };
}
