// network.ts: the model beside the page, read and run by what the command line reads and runs it with: its graph, its weights, and finch's
// own layers on TensorFlow.js. The backend is WebAssembly: its numbers are float32 on every device, where a phone's GPU would compute in 16 bits.

import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { assignWeights } from '../artefact/assign-weights.ts';
import { fieldReader } from '../artefact/json.ts';
import { networkOf } from '../artefact/keras-read.ts';
import { readMetadata } from '../artefact/metadata.ts';
import { embeddingLayer, outputOfModel } from '../artefact/model.ts';
import { storedWeights } from '../artefact/stored-weights.ts';
import { wasmKernels } from '../engine/tfjs/wasm-kernels.ts';
import { createPredictor } from '../engine/tfjs/predictor.ts';
import type { Tf } from '../engine/tfjs/runtime.ts';
import { classProbabilities, logitsOf } from '../graph/output.ts';
import { AppError } from '../util/errors.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { noveltyLimit, noveltyOf, UNKNOWN_RATE } from '../util/novelty.ts';
import { addressOf, fetchedBytes, fetchedJson } from './fetched.ts';
import { fetchedNovelty } from './novelty.ts';
import type { Loaded, ModelFacts } from './protocol.ts';

export interface PageNetwork extends ModelFacts {
  readonly preprocessing: Preprocessing;
  /** @param pixels `[H,W,3]` uint8 */
  answerTo(pixels: Uint8Array): Promise<NetworkAnswer>;
}

interface NetworkAnswer {
  /** `[classes]` */
  readonly probabilities: Float64Array;
  /** The picture is unlike all that the network has learnt; never so where the network cannot tell. */
  readonly isUnknown: boolean;
}

/** What the messages call the model's place. */
const PLACE = 'the page';

/** @throws AppError DOWNLOAD_FAILED, MODEL_INVALID, MODEL_UNSUPPORTED, ENGINE_UNAVAILABLE */
export async function openNetwork(report: (loaded: Loaded) => void): Promise<PageNetwork> {
  const json = fieldReader(await fetchedJson('model.json'), 'model.json');
  const { preprocessing, ...metadata } = readMetadata(json.object('userDefinedMetadata').object('finch'));
  if (!preprocessing) throw new AppError('MODEL_INVALID', 'model.json does not say how pixels are prepared');
  const { graph, fixed, owners } = networkOf(json.raw('modelTopology'), metadata.name, 'kept');
  const stored = await storedWeights(json.objects('weightsManifest'), PLACE, (paths, total) =>
    weightBytes(paths, total, report),
  );
  const weights = assignWeights({ graph, fixed, owners }, stored, PLACE);
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
    {
      size: [height, width],
      ...(metadata.novelty && { outputs: [graph.output, embeddingLayer({ graph, ...metadata })] }),
    },
  );
  const output = outputOfModel({ graph, ...metadata });
  const numbers = predictor.outputShapes.at(-1)!.reduce((product, size) => product * size, 1);
  const novelty = metadata.novelty && (await fetchedNovelty(metadata.novelty, numbers));
  return {
    name: metadata.name,
    classes: output.classes,
    preprocessing,
    async answerTo(pixels) {
      const [row, features] = await predictor.run({ data: pixels, count: 1, height, width });
      const probabilities = classProbabilities(output, row!.data);
      if (!novelty) return { probabilities, isUnknown: false };
      const seen = { logits: logitsOf(output, row!.data), features: features!.data };
      return { probabilities, isUnknown: noveltyOf(seen, novelty) > noveltyLimit(novelty, UNKNOWN_RATE) };
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
