// loading.ts: what every command does that runs a network: find the model, choose the engine, load the one into the other.

import { readModelFolder, readModelMetadata } from '../artefact/model-folder.ts';
import type { Model } from '../artefact/model.ts';
import { applyOverrides, type InferenceConfig } from '../config.ts';
import type { Batch, Engine, LoadOptions, Predictor } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import type { Graph } from '../graph/layers.ts';
import { resolveModel } from '../store/models.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import type { Output } from './output.ts';

/** Pictures in one run when the user does not say: beyond it the CPU gains nothing. */
export const DEFAULT_BATCH = 8;

/** A picture does not wait longer than this for others to share a run with, in milliseconds. */
export const BATCH_PATIENCE_MS = 30;

export interface LoadedModel {
  readonly model: Omit<Model, 'weights'>;
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly preprocessing: Preprocessing;
}

/** A model that is on this machine, read but for its weights. */
export interface FoundModel {
  readonly folder: string;
  readonly model: Omit<Model, 'weights'>;
  readonly preprocessing: Preprocessing;
}

/** @throws AppError MODEL_NOT_FOUND, MODEL_INVALID, DOWNLOAD_FAILED, USAGE */
export async function findModel(config: InferenceConfig, output: Output): Promise<FoundModel> {
  const status = statusLine(output.stderr);
  const folder = await resolveModel(config.model, {
    offline: config.offline,
    signal: output.signal,
    onProgress: (received, total) =>
      status.update(
        `fetching ${config.model}: ${formatBytes(received)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`,
      ),
  }).finally(() => status.clear());
  const { shards: _, ...model } = await readModelMetadata(folder);
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, {
    name: model.name,
    size: inputSize(model.graph),
  });
  return { folder, model, preprocessing };
}

/** @throws AppError for everything that can be missing or wrong */
export async function loadModel(
  config: InferenceConfig,
  output: Output,
  outputs?: LoadOptions['outputs'],
): Promise<LoadedModel> {
  const found = await findModel(config, output);
  return { ...found, ...(await loadPredictor(found, config, outputs)) };
}

/** Loads the weights of a model into an engine. @throws AppError MODEL_INVALID, ENGINE_UNAVAILABLE */
export async function loadPredictor(
  { folder, preprocessing }: FoundModel,
  config: InferenceConfig,
  outputs?: LoadOptions['outputs'],
): Promise<Pick<LoadedModel, 'engine' | 'predictor'>> {
  const [{ graph, weights }, engine] = await Promise.all([readModelFolder(folder), selectEngine(config)]);
  const { mean, std, size } = preprocessing;
  const predictor = await engine.load(
    { graph, weights, mean, std },
    { ...(outputs && { outputs }), size: [size, size] },
  );
  return { engine, predictor };
}

/** Side of the pictures that a network was made for, in pixels. */
function inputSize(graph: Graph): number {
  const input = graph.layers.find((layer) => layer.name === graph.input);
  return input?.kind === 'input' ? input.shape[0]! : 224;
}

/** Prepared pictures as one batch, `[N,size,size,3]`. */
export function batchOf(images: readonly { readonly pixels: Uint8Array }[], size: number): Batch {
  const bytes = size * size * 3;
  const data = new Uint8Array(images.length * bytes);
  images.forEach(({ pixels }, i) => data.set(pixels, i * bytes));
  return { data, count: images.length, height: size, width: size };
}
