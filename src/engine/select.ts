// select.ts: which engine and device a command runs on, and why. Engines are imported only when chosen.

import { AppError } from '../util/errors.ts';
import { DEVICES, type Device, type EngineName } from './engine.ts';
import type { TrainableEngine } from './training.ts';

export interface EngineChoice {
  readonly engine: EngineName | 'auto';
  readonly device: Device | 'auto';
  readonly threads?: number;
}

/**
 * `auto` is onnx on the CPU: it is there on every machine, starts fastest, and for one picture no GPU is faster.
 * @throws AppError ENGINE_UNAVAILABLE with what was tried and what to do
 */
export async function selectEngine(choice: EngineChoice): Promise<TrainableEngine> {
  // NVIDIA's libraries read this when they are loaded. By default they round the factors of a product to 10 bits (TF32), which
  // moves logits by up to 7e-4 of the largest on an H100: see bench/results/gpu.md.
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
  return ENGINES[engineFor(choice)](choice);
}

/** Only TensorFlow.js has pure JavaScript as a device. */
function engineFor({ engine, device }: EngineChoice): EngineName {
  if (engine !== 'auto') return engine;
  return device === 'js' ? 'tfjs' : 'onnx';
}

const ENGINES = {
  async onnx({ device, threads }: EngineChoice) {
    const [{ createOnnxEngine }, { bundledDevices }] = await Promise.all([
      import('./onnx/session.ts'),
      import('./onnx/runtime.ts'),
    ]);
    if (device !== 'auto') {
      const bundled = await bundledDevices();
      if (!bundled.includes(device)) {
        const known = DEVICES.filter((name) => bundled.includes(name)).join(', ');
        throw new AppError(
          'ENGINE_UNAVAILABLE',
          `--device ${device}: this onnxruntime for ${process.platform} ${process.arch} was built without it; it has ${known}. See: finch doctor`,
        );
      }
    }
    return createOnnxEngine({
      device: device === 'auto' ? 'cpu' : device,
      ...(threads !== undefined && { threads }),
    });
  },
  async tfjs({ device, threads }: EngineChoice) {
    const { createTfjsEngine } = await import('./tfjs/session.ts');
    return createTfjsEngine({ device, ...(threads !== undefined && { threads }) });
  },
} as const satisfies Record<EngineName, (choice: EngineChoice) => Promise<TrainableEngine>>;
