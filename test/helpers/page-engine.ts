// page-engine.ts: what the page of `models export --page` runs networks with: finch's tfjs layers on the WebAssembly backend, here in Node.

import { createRequire } from 'node:module';
import path from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../../src/engine/engine.ts';
import { wasmKernels } from '../../src/engine/tfjs/wasm-kernels.ts';
import { createPredictor } from '../../src/engine/tfjs/predictor.ts';
import type { Tf } from '../../src/engine/tfjs/runtime.ts';

export async function createPageEngine(): Promise<Engine> {
  const backend = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  setWasmPaths(path.join(path.dirname(backend), 'dist', path.sep));
  await tf.setBackend('wasm');
  const runtime = { tf: tf as unknown as Tf, device: 'js', description: 'the page' } as const;
  return {
    name: 'tfjs',
    device: 'js',
    description: runtime.description,
    load: async (model, options) => createPredictor(runtime, wasmKernels(runtime.tf), model, options),
  };
}
