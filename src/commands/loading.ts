// loading.ts: what every command does that runs a network: find the model, choose the engine, load the one into the other.

import { openModelFolder } from '../artefact/model-folder.ts';
import type { Model } from '../artefact/model.ts';
import type { InferenceConfig } from '../config/inference.ts';
import { applyOverrides } from '../config/preprocessing.ts';
import type { Batch, Engine, LoadOptions, OnDivided, Predictor } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import type { Graph, Weights } from '../graph/layers.ts';
import { resolveModel } from '../store/models.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { note, type Output } from './output.ts';

/** Pictures in one run when the user does not say: beyond it the CPU gains nothing. */
export const DEFAULT_BATCH = 8;

/** A picture does not wait longer than this for others to share a run with, in milliseconds. */
export const BATCH_PATIENCE_MS = 30;

/** A model that is known but not yet in memory: enough to start on the pictures. */
export interface OpenedModel {
  readonly folder: string;
  readonly model: Omit<Model, 'weights'>;
  readonly preprocessing: Preprocessing;
  /** @throws AppError MODEL_INVALID when they are not what the folder promises */
  readWeights(): Promise<Weights>;
  /** @throws AppError when the weights or the engine are missing or wrong */
  load(outputs?: LoadOptions['outputs']): Promise<LoadedModel>;
}

export interface LoadedModel extends Omit<OpenedModel, 'load' | 'readWeights'> {
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
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, {
    name: model.name,
    size: inputSize(model.graph),
  });
  return {
    folder,
    model,
    preprocessing,
    readWeights,
    async load(outputs) {
      const [weights, engine] = await Promise.all([readWeights(), selectEngine(config)]);
      const { mean, std, size } = preprocessing;
      const predictor = await engine.load(
        { graph: model.graph, weights, mean, std },
        {
          ...(outputs && { outputs }),
          size: [size, size],
          // Who asks for a number is told when it is too large.
          ...(config.batchSize === undefined && { onDivided: dividedNote(output) }),
        },
      );
      return { folder, model, engine, predictor, preprocessing };
    },
  };
}

/**
 * Tells the user that a device does not hold as many pictures as finch would have run at a time; the same number once.
 * @param batchNorm of the training steps, if there are any: `train` takes statistics from each part
 */
export function dividedNote(output: Output, batchNorm: 'train' | 'frozen' = 'frozen'): OnDivided {
  const effect =
    batchNorm === 'frozen' ? 'which changes no result' : "and --batch-norm train uses each part's statistics";
  let least = Infinity;
  return (atOnce) => {
    if (atOnce >= least) return;
    least = atOnce;
    note(output, `the device's memory holds ${atOnce} ${atOnce === 1 ? 'picture' : 'pictures'} at a time: batches are computed in parts, ${effect}`); // prettier-ignore
  };
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
