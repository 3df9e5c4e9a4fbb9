// loading.ts: what every command does that runs a network: find the model, choose the engine, read pictures ahead of it.

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { readModelFolder } from '../artefact/model-folder.ts';
import type { Model } from '../artefact/model.ts';
import { applyOverrides, type InferenceConfig } from '../config.ts';
import type { Engine, LoadOptions, Predictor } from '../engine/engine.ts';
import { selectEngine } from '../engine/select.ts';
import { decodeImage } from '../images/decode.ts';
import { preprocess } from '../images/preprocess.ts';
import type { Pixels } from '../images/resize.ts';
import type { ImageReference } from '../images/source.ts';
import { resolveModel } from '../store/models.ts';
import { AppError, messageOf, systemCode } from '../util/errors.ts';
import { formatBytes, statusLine } from '../util/progress.ts';
import type { Preprocessing } from '../util/preprocessing.ts';
import { mapOrdered } from '../util/streams.ts';
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
  const preprocessing = applyOverrides(model.preprocessing, config.preprocessing, { name: model.name, size: own });
  const { mean, std, size } = preprocessing;
  const predictor = await engine.load(
    { graph: model.graph, weights, mean, std },
    { ...(outputs && { outputs }), size: [size, size] },
  );
  return { model, engine, predictor, preprocessing };
}

/** A picture that is ready for the network, or what is wrong with it. */
export type LoadedImage =
  | { readonly file: string; readonly pixels: Uint8Array; readonly original?: Pixels }
  | { readonly file: string; readonly error: AppError };

/** Pictures decoded ahead for each core: enough that the engine never waits, few enough to stay small. */
const AHEAD_PER_CORE = 2;

/**
 * Reads, decodes and preprocesses pictures ahead of their use, in order, a bounded number at a time.
 * @param keepOriginal hands over the decoded picture too, for figures
 */
export function loadImages(
  references: AsyncIterable<ImageReference>,
  config: InferenceConfig,
  preprocessing: Preprocessing,
  keepOriginal: boolean,
): AsyncIterable<LoadedImage> {
  const options = {
    ignoreExif: config.ignoreExif,
    ...(config.maxPixels !== undefined && { maxPixels: config.maxPixels }),
  };
  return mapOrdered(references, AHEAD_PER_CORE * availableParallelism(), async ({ file, content }) => {
    try {
      if ('error' in content) throw content.error;
      const bytes = 'bytes' in content ? content.bytes : await readFile(content.path);
      const original = await decodeImage(bytes, options);
      const pixels = preprocess(original, preprocessing);
      return { file, pixels, ...(keepOriginal && { original }) };
    } catch (error) {
      return { file, error: asImageError(error) };
    }
  });
}

const READ_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'reading it is not permitted; check its owner and mode',
  EPERM: 'reading it is not permitted; check its owner and mode',
  EISDIR: 'a folder where a picture was expected',
  ELOOP: 'a link that leads to itself',
};

function asImageError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = systemCode(error);
  if (code === undefined) throw error; // a bug, not a bad picture
  const problem = READ_PROBLEMS[code] ?? messageOf(error);
  return new AppError(code === 'ENOENT' ? 'INPUT_NOT_FOUND' : 'IMAGE_UNREADABLE', problem, { cause: error });
}
