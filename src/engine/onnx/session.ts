// session.ts: the onnx engine: runs lowered graphs on onnxruntime-node.

import { availableParallelism } from 'node:os';
import { sameShape } from '../../util/shape.ts';
import type { Batch, Device, EngineModel, Features, LoadOptions, Predictor, Tensor } from '../engine.ts';
import type { TrainableEngine, TrainSpec } from '../training.ts';
import { untrainable } from './gradients/onnx.ts';
import { lowerInference } from './lower-inference.ts';
import { inParts } from './fixed-batch.ts';
import { checkMemory, trainingMemory } from './memory.ts';
import { otherShape, runtimeRefuses } from './refusal.ts';
import { encodeFor } from './widened.ts';
import { loadRuntime, sessionOptions, type Session } from './runtime.ts';
import { weightBits } from './weight-bits.ts';

export interface OnnxOptions {
  readonly device: Device;
  /** Threads of one run on the CPU; by default one for each core. */
  readonly threads?: number;
  /** Fails where the device lacks an operator of a training step, instead of running it on the CPU. */
  readonly onlyOnDevice?: boolean;
}

export async function createOnnxEngine({
  device,
  threads = availableParallelism(),
  onlyOnDevice = false,
}: OnnxOptions): Promise<TrainableEngine> {
  const runtime = await loadRuntime();
  const { env, InferenceSession, Tensor: OnnxTensor } = runtime;
  const version = env.versions.node ?? env.versions.common;
  const where = device === 'cpu' ? `cpu, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : device;
  return {
    name: 'onnx',
    device,
    description: `onnxruntime ${version} on ${where}`,
    async trainer(model, spec) {
      if (model.foreign) throw untrainable(model.graph.name);
      if (device === 'cpu') checkMemory(model, spec);
      // Gradients and all that a training step needs are loaded by who trains, not by who classifies.
      const [{ adoptedBlock }, { createTrainer }] = await Promise.all([
        import('./adoption.ts'),
        import('./trainer.ts'),
      ]);
      const make = (
        small: TrainSpec,
        { graph, weights }: Pick<EngineModel, 'graph' | 'weights'>,
        block: number,
      ) =>
        createTrainer({ ...model, graph, weights }, small, { runtime, device, threads, onlyOnDevice, block });
      const block = device === 'cpu' ? await adoptedBlock(runtime, threads, make) : 0;
      return make(spec, model, block);
    },
    trainingMemory,
    async slopes(model) {
      const { createSlopes } = await import('./slopes.ts');
      return createSlopes(model, { runtime, device, threads });
    },
    ...(device === 'cpu' && { weightBits: () => weightBits(runtime) }),
    async load(model: EngineModel, options?: LoadOptions): Promise<Predictor> {
      const lowered = lowerInference(model, options);
      const refused = { model, device, runtime: `onnxruntime ${version}` };
      let session: Session;
      try {
        session = await InferenceSession.create(
          encodeFor(device, lowered.graph, lowered.header),
          // Threads sleep while they wait, because pictures are decoded on the same cores.
          sessionOptions({ device, threads, constants: lowered.weights, trains: false }),
        );
      } catch (error) {
        throw runtimeRefuses(error, refused);
      }
      const runOnce = async (batch: Batch | Features): Promise<readonly Tensor[]> => {
        const input =
          'height' in batch
            ? new OnnxTensor('uint8', batch.data, [batch.count, batch.height, batch.width, 3])
            : new OnnxTensor('float32', batch.data, [batch.count, ...lowered.inputShape]);
        const results = await session.run({ [lowered.input]: input }).catch((error: unknown) => {
          throw model.foreign ? runtimeRefuses(error, refused) : error;
        });
        return lowered.outputs.map(({ name, shape }) => {
          const { data, dims } = results[name]!;
          if (model.foreign && !sameShape(dims, [batch.count, ...shape])) throw otherShape(name, dims, shape);
          return { data: data as Float32Array, shape: dims };
        });
      };
      const { batch: size } = lowered;
      return {
        outputShapes: lowered.outputs.map((output) => output.shape),
        run: (batch) =>
          size !== undefined && 'height' in batch ? inParts(batch, size, runOnce) : runOnce(batch),
        dispose: () => session.release(),
      };
    },
  };
}
