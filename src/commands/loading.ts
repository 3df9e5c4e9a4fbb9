// loading.ts: what every command does that runs a network: find the model, choose the engine, load the one into the other.

import { openModelFolder } from '../artefact/model-folder.ts';
import type { Model } from '../artefact/model.ts';
import { applyOverrides, type InferenceConfig } from '../config.ts';
import type { Engine, LoadOptions, Predictor } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import { resolveModel } from '../store/models.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import type { Output } from './output.ts';

/** A model that is known but not yet in memory: enough to start on the pictures. */
export interface OpenedModel {
  readonly model: Omit<Model, 'weights'>;
  readonly preprocessing: Preprocessing;
  /** @throws AppError when the weights or the engine are missing or wrong */
  load(outputs?: LoadOptions['outputs']): Promise<LoadedModel>;
}

export interface LoadedModel extends Omit<OpenedModel, 'load'> {
  readonly engine: Engine;
  readonly predictor: Predictor;
}

/** Finds a model, fetching it first where need be, and reads its description. @throws AppError for all that can be missing or wrong */
export async function openModel(config: InferenceConfig, output: Output): Promise<OpenedModel> {
  const status = statusLine(output.stderr);
  const folder = await resolveModel(config.model, {
    offline: config.offline,
    signal: output.signal,
    onProgress: (received, total) =>
      status.update(
        `fetching ${config.model}: ${formatBytes(received)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`,
      ),
  }).finally(() => status.clear());
  const { model, readWeights } = await openModelFolder(folder);
  const input = model.graph.layers.find((layer) => layer.name === model.graph.input);
  const own = input?.kind === 'input' ? input.shape[0]! : 224;
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, {
    name: model.name,
    size: own,
  });
  return {
    model,
    preprocessing,
    async load(outputs) {
      const [weights, engine] = await Promise.all([readWeights(), selectEngine(config)]);
      const { mean, std, size } = preprocessing;
      const predictor = await engine.load(
        { graph: model.graph, weights, mean, std },
        { ...(outputs && { outputs }), size: [size, size] },
      );
      return { model, engine, predictor, preprocessing };
    },
  };
}
