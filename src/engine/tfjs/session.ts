// session.ts: the tfjs engine: the same graphs on TensorFlow.js, through tfjs-node-gpu (CUDA), tfjs-node, or in JavaScript.

import type { TrainableEngine } from '../training.ts';
import { plainKernels } from './kernels.ts';
import { trainingMemory } from './memory.ts';
import { nativeKernels } from './native-kernels.ts';
import { createPredictor } from './predictor.ts';
import { loadRuntime, type RuntimeOptions } from './runtime.ts';
import { createSlopes } from './slopes.ts';
import { createTrainer } from './trainer.ts';

/** @throws AppError ENGINE_UNAVAILABLE, see `loadRuntime` */
export async function createTfjsEngine(options: RuntimeOptions): Promise<TrainableEngine> {
  const runtime = await loadRuntime(options);
  const { tf, native, device, description } = runtime;
  const kernels = native ? nativeKernels(tf, native) : plainKernels(tf);
  return {
    name: 'tfjs',
    device,
    description,
    load: async (model, loading) => createPredictor(runtime, kernels, model, loading),
    trainer: async (model, spec, onDivided) => createTrainer({ runtime, kernels, onDivided }, model, spec),
    slopes: async (model) => createSlopes(runtime, kernels, model),
    trainingMemory,
  };
}
