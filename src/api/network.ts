// network.ts: the steps shared by every command that runs a network: find the model, choose the engine, load the model into it.

import { openModelFolder } from '../artefact/model-folder.ts';
import type { ModelDescription, ModelWeights } from '../artefact/model.ts';
import type { TextHalf } from '../artefact/text-half.ts';
import type { InferenceConfig } from '../config/inference.ts';
import { applyOverrides } from '../config/preprocessing.ts';
import type { Batch, Engine, OnDivided, Predictor } from '../engine/engine.ts';
import type { Slopes, TrainableEngine } from '../engine/training.ts';
import { selectEngine } from '../engine/select.ts';
import { refuseStatistics, takesBytes } from '../graph/byte-input.ts';
import type { Graph } from '../graph/layers.ts';
import type { Quantization } from '../quantization/quantization.ts';
import { resolveModel } from '../store/models.ts';
import type { Novelty } from '../util/novelty.ts';
import { pictureSize, sidesOf, type PictureSize, type Preprocessing } from '../util/preprocessing.ts';
import { keptAt } from './kept-network.ts';
import { checkPrecision, quantizationFor } from './precision.ts';
import { fetchProgress, type Work } from './work.ts';

/** Pictures in one run when the user does not say: larger batches are no faster on the CPU. */
export const DEFAULT_BATCH = 8;

/** The longest time that a picture waits for others to share a run with, in milliseconds. */
export const BATCH_PATIENCE_MS = 30;

/** The settings needed to run a network over pictures. */
export type NetworkConfig = Omit<InferenceConfig, 'inputs'>;

/** A model that is known but not yet in memory: enough to start on the pictures. */
export interface OpenedNetwork {
  readonly folder: string;
  /**
   * The network that was joined to it: where its weights are, what the names of its layers begin with, and what else decides what it
   * makes of a picture.
   */
  readonly joined?: { readonly folder: string; readonly prefix: string; readonly decides: object };
  readonly model: ModelDescription;
  readonly preprocessing: Preprocessing;
  /** @throws AppError MODEL_INVALID when they are not what the folder promises */
  readWeights(): Promise<ModelWeights>;
  /** The half that takes texts; absent where there is none. @throws AppError as `readWeights` does */
  readonly readText?: () => Promise<TextHalf>;
  /** What tells pictures unlike all classes; absent where the network cannot. @throws AppError as `readWeights` does */
  readonly readNovelty?: () => Promise<Novelty>;
  /** How this machine computes the network with bytes; undefined where it computes in float32. @throws AppError as `readWeights` does */
  quantization(): Promise<Quantization | undefined>;
  /** That compute; absent: as many as there are cores. */
  readonly threads?: number;
  /** Made once, however often it is requested. @throws AppError ENGINE_UNAVAILABLE */
  engine(): Promise<Engine>;
  /**
   * The network in memory, loaded once for the same outputs.
   * @param outputs layers whose output the network gives; by default its last
   * @param normalised it takes normalised numbers in place of pixels
   * @throws AppError when the weights or the engine are missing or wrong
   */
  load(outputs?: readonly string[], normalised?: boolean): Promise<LoadedNetwork>;
  /** The slopes of a part of the network, made once for each. @param back from a vector to a vector */
  slopes(back: Graph): Promise<Slopes>;
  /** Frees everything that was loaded. */
  close(): Promise<void>;
}

export interface LoadedNetwork extends Pick<OpenedNetwork, 'folder' | 'model' | 'preprocessing'> {
  readonly engine: Engine;
  readonly predictor: Predictor;
}

/**
 * Finds a model, fetching it first where need be, and reads its description.
 * @param options `isKept`: how pictures are prepared is written with what the network makes; true unless it says otherwise
 * @throws AppError for all that can be missing or wrong
 */
export async function openNetwork(
  config: NetworkConfig,
  work: Work,
  { isKept = true }: { readonly isKept?: boolean } = {},
): Promise<OpenedNetwork> {
  const folder = await resolveModel(config.model, {
    offline: config.offline,
    signal: work.signal,
    // The measurement is loaded by who fetches, not by who classifies.
    beforeFetch: async (record) => (await import('./cost.ts')).tellCost(record, config, work),
    onProgress: fetchProgress(`fetching ${config.model}`, work),
    onNote: (text) => work.note(text),
  });
  const stored = await openModelFolder(folder);
  checkPrecision(stored, config);
  const { model, readWeights, readText, readNovelty } = stored;
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, {
    name: model.name,
    size: inputSize(model.graph),
    isKept,
  });
  if (takesBytes(model.graph)) refuseStatistics(preprocessing, model.name);
  let selected: Promise<TrainableEngine> | undefined;
  const engine = () => (selected ??= selectEngine(config));
  let bytes: Promise<Quantization | undefined> | undefined;
  const quantization = () =>
    (bytes ??= quantizationFor(stored, { precision: config.precision, engine, work }));
  const loaded = new Map<string, Promise<LoadedNetwork>>();
  const sloped = new Map<Graph, Promise<Slopes>>();
  return {
    folder,
    model,
    preprocessing,
    readWeights,
    ...(readText && { readText }),
    ...(readNovelty && { readNovelty }),
    quantization,
    ...(config.threads !== undefined && { threads: config.threads }),
    engine,
    load(outputs, normalised = false) {
      const key = JSON.stringify([outputs, normalised]);
      const known = loaded.get(key);
      if (known) return known;
      const loading = load(outputs, normalised);
      loaded.set(key, loading);
      return loading;
    },
    slopes(back) {
      const known = sloped.get(back);
      if (known) return known;
      const making = slopes(back);
      sloped.set(back, making);
      return making;
    },
    async close() {
      const networks = await Promise.allSettled(loaded.values());
      loaded.clear();
      const parts = await Promise.allSettled(sloped.values());
      sloped.clear();
      for (const part of parts) if (part.status === 'fulfilled') await part.value.dispose();
      for (const network of networks) {
        if (network.status === 'fulfilled') await network.value.predictor.dispose();
      }
    },
  };

  async function slopes(back: Graph): Promise<Slopes> {
    const [{ weights }, chosen] = await Promise.all([readWeights(), engine()]);
    return chosen.slopes({ graph: back, weights });
  }

  async function load(outputs: readonly string[] | undefined, normalised: boolean): Promise<LoadedNetwork> {
    const [chosen, how] = await Promise.all([engine(), quantization()]);
    const { mean, std, size } = preprocessing;
    const read = async () => ({
      graph: model.graph,
      ...(await readWeights()),
      quantization: how,
      mean,
      std,
    });
    const options = {
      ...(outputs && { outputs }),
      normalised,
      size: sidesOf(size),
      // When a batch size that the user gave is too large, it is refused, not computed in parts.
      ...(config.batchSize === undefined && { onDivided: dividedNote(work) }),
    };
    const { loadKept } = chosen;
    const kept = loadKept && (await keptAt(folder, model, { preprocessing, hasBytes: how !== undefined }));
    const predictor = await (kept
      ? loadKept({ ...kept, read }, options)
      : chosen.load(await read(), options));
    return { folder, model, engine: chosen, predictor, preprocessing };
  }
}

/**
 * Tells the user that the device's memory holds fewer pictures than finch would run at a time; each number is told once.
 * @param batchNorm of the training steps, if there are any: `train` takes statistics from each part
 */
export function dividedNote(work: Work, batchNorm: 'train' | 'frozen' = 'frozen'): OnDivided {
  const effect =
    batchNorm === 'frozen' ? 'which changes no result' : "and --batch-norm train uses each part's statistics";
  let least = Infinity;
  return (atOnce) => {
    if (atOnce >= least) return;
    least = atOnce;
    work.note(`the device's memory holds ${atOnce} ${atOnce === 1 ? 'picture' : 'pictures'} at a time: batches are computed in parts, ${effect}`); // prettier-ignore
  };
}

/** `onnx on cpu`, `onnx on cpu with int8-….safetensors`: what the last bits of an engine's numbers depend on. */
export function placeOf({ name, device }: Pick<Engine, 'name' | 'device'>, bytes?: string): string {
  return `${name} on ${device}${bytes === undefined ? '' : ` with ${bytes}`}`;
}

/** The pictures that a network was made for, in pixels. */
export function inputSize(graph: Graph): PictureSize {
  const input = graph.layers.find((layer) => layer.name === graph.input);
  if (input?.kind !== 'input') return 224;
  const [height, width] = input.shape as readonly [number, number];
  return pictureSize(height, width);
}

/** The pixels of prepared pictures as one batch, `[N,H,W,3]`. */
export function batchOf(pictures: readonly Uint8Array[], size: PictureSize): Batch {
  const [height, width] = sidesOf(size);
  const bytes = height * width * 3;
  const data = new Uint8Array(pictures.length * bytes);
  pictures.forEach((pixels, i) => data.set(pixels, i * bytes));
  return { data, count: pictures.length, height, width };
}
