// session.ts: the onnx engine: runs lowered graphs on onnxruntime-node.

import { availableParallelism } from 'node:os';
import type { Device, EngineModel, KeptModel, LoadOptions } from '../engine.ts';
import type { TrainableEngine, TrainSpec } from '../training.ts';
import { untrainable } from './gradients/onnx.ts';
import { loadKept } from './load-kept.ts';
import { checkMemory, trainingMemory } from './memory.ts';
import { loadRuntime } from './runtime.ts';
import { sessionMaker } from './session-maker.ts';

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
  const maker = sessionMaker({ runtime, device, threads });
  const where = device === 'cpu' ? `cpu, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : device;
  return {
    name: 'onnx',
    device,
    description: `${maker.version} on ${where}`,
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
    ...(device === 'cpu' && {
      weightBits: async () => (await import('./weight-bits.ts')).weightBits(runtime),
    }),
    async load(model, options) {
      // Loaded by who has no copy of the network as the runtime made it.
      const { lowerInference } = await import('./lower-inference.ts');
      const lowered = lowerInference(model, options);
      return maker.predictor(await maker.create(lowered, model), lowered, model);
    },
    ...(device === 'cpu' && {
      loadKept: (model: KeptModel, options: LoadOptions) => loadKept(model, options, maker),
    }),
  };
}
