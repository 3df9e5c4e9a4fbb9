// loading.ts: what every command does that runs a network: find the model, choose the engine, load the one into the other.

import { readModelFolder } from '../artefact/model-folder.ts';
import type { Model } from '../artefact/model.ts';
import { applyOverrides, type InferenceConfig } from '../config.ts';
import type { Engine, LoadOptions, Predictor } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import { resolveModel } from '../store/models.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import type { Output } from './output.ts';

export interface LoadedModel {
  readonly model: Omit<Model, 'weights'>;
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly preprocessing: Preprocessing;
}

/** @throws AppError for everything that can be missing or wrong */
export async function loadModel(
  config: InferenceConfig,
  output: Output,
  outputs?: LoadOptions['outputs'],
): Promise<LoadedModel> {
  const status = statusLine(output.stderr);
  const folder = await resolveModel(config.model, {
    offline: config.offline,
    signal: output.signal,
    onProgress: (received, total) =>
      status.update(
        `fetching ${config.model}: ${formatBytes(received)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`,
      ),
  }).finally(() => status.clear());
  const [{ weights, ...model }, engine] = await Promise.all([readModelFolder(folder), selectEngine(config)]);
  const input = model.graph.layers.find((layer) => layer.name === model.graph.input);
  const own = input?.kind === 'input' ? input.shape[0]! : 224;
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, {
    name: model.name,
    size: own,
  });
  const { mean, std, size } = preprocessing;
  const predictor = await engine.load(
    { graph: model.graph, weights, mean, std },
    { ...(outputs && { outputs }), size: [size, size] },
  );
  return { model, engine, predictor, preprocessing };
}
