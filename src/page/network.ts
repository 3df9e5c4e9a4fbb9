// network.ts: the model beside the page, read and run by what the command line reads and runs it with: its graph, its weights, and finch's
// own layers on TensorFlow.js. The backend is WebAssembly: its numbers are float32 on every device, where a phone's GPU would compute in 16 bits.

import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { assignWeights } from '../artefact/assign-weights.ts';
import { fieldReader } from '../artefact/json.ts';
import { networkOf } from '../artefact/keras-read.ts';
import { readMetadata } from '../artefact/metadata.ts';
import { outputOfModel } from '../artefact/model.ts';
import { storedWeights } from '../artefact/stored-weights.ts';
import { wasmKernels } from '../engine/tfjs/wasm-kernels.ts';
import { createPredictor } from '../engine/tfjs/predictor.ts';
import type { Tf } from '../engine/tfjs/runtime.ts';
import { classProbabilities } from '../graph/output.ts';
import { AppError } from '../util/errors.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { addressOf, fetchedBytes, fetchedJson } from './fetched.ts';
import type { Loaded, ModelFacts } from './protocol.ts';

export interface PageNetwork extends ModelFacts {
  readonly preprocessing: Preprocessing;
  /** @param pixels `[H,W,3]` uint8. @returns `[classes]` */
  probabilitiesOf(pixels: Uint8Array): Promise<Float64Array>;
}

/** What the messages call the model's place. */
const PLACE = 'the page';

/** @throws AppError DOWNLOAD_FAILED, MODEL_INVALID, MODEL_UNSUPPORTED, ENGINE_UNAVAILABLE */
export async function openNetwork(report: (loaded: Loaded) => void): Promise<PageNetwork> {
  const json = fieldReader(await fetchedJson('model.json'), 'model.json');
  const { preprocessing, ...metadata } = readMetadata(json.object('userDefinedMetadata').object('finch'));
  if (!preprocessing) throw new AppError('MODEL_INVALID', 'model.json does not say how pixels are prepared');
  const { graph, fixed } = networkOf(json.raw('modelTopology'), metadata.name);
  const stored = await storedWeights(json.objects('weightsManifest'), PLACE, (paths, total) =>
    weightBytes(paths, total, report),
  );
  const weights = assignWeights({ graph, fixed }, stored, PLACE);
  await startBackend();
  const { mean, std, size } = preprocessing;
  const [height, width] = sidesOf(size);
  const runtime = {
    tf: tf as unknown as Tf,
    device: 'js',
    description: 'TensorFlow.js in WebAssembly',
  } as const;
  const predictor = createPredictor(
    runtime,
    wasmKernels(runtime.tf),
    { graph, weights, mean, std },
    { size: [height, width] },
  );
  const output = outputOfModel({ graph, ...metadata });
  return {
    name: metadata.name,
    classes: output.classes,
    preprocessing,
    async probabilitiesOf(pixels) {
      const [row] = await predictor.run({ data: pixels, count: 1, height, width });
      return classProbabilities(output, row!.data);
    },
  };
}

async function weightBytes(
  paths: readonly string[],
  total: number,
  report: (loaded: Loaded) => void,
): Promise<Uint8Array> {
  const result = new Uint8Array(total);
  let at = 0;
  for (const path of paths) {
    const bytes = await fetchedBytes(path);
    if (at + bytes.length > total) throw otherLength(total);
    result.set(bytes, at);
    at += bytes.length;
    report({ bytes: at, of: total });
  }
  if (at !== total) throw otherLength(total);
  return result;
}

const otherLength = (total: number) =>
  new AppError(
    'MODEL_INVALID',
    `the weights are not the ${total} bytes that model.json promises; copy the whole folder again`,
  );

async function startBackend(): Promise<void> {
  tf.enableProdMode();
  // Threads would need headers that a plain server does not send.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) {
    throw new AppError('ENGINE_UNAVAILABLE', 'this browser has no WebAssembly with SIMD; a newer one has');
  }
  setWasmPaths(addressOf('.'));
  if (!(await tf.setBackend('wasm')))
    throw new AppError('ENGINE_UNAVAILABLE', 'TensorFlow.js does not start in this browser');
}
