// read-foreign.ts: a network that others wrote, a checkpoint, an ONNX file, a file of Keras or a folder from a hub -> a model.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Model, Provenance } from '../artefact/model.ts';
import { AppError, openingProblem } from '../util/errors.ts';
import type { PictureSize, Preprocessing } from '../util/preprocessing.ts';
import { findArchitecture } from '../zoo/architectures.ts';
import { firstRecord, publishedFile } from '../zoo/published.ts';
import type { WeightsRecord } from '../zoo/record.ts';
import type { HubConfig } from './hub/config.ts';
import { readHubFolder, type HubFolder } from './hub/folder.ts';
import type { Precision } from './hub/weight-files.ts';
import { activatedBy, namesIn, refuseOtherCount } from './class-names.ts';
import { importCheckpoint } from './import.ts';
import { readKeras } from './keras-file.ts';
import { readOnnx } from './read-onnx.ts';
import { isKerasFile, isOnnx, sha256OfAll } from './weight-parts.ts';

export interface ForeignOptions {
  readonly name: string;
  /** Of a checkpoint; found from its names and shapes where it is absent. */
  readonly architecture?: string | undefined;
  /** Height and width of the pictures in pixels, for an ONNX file that leaves them open. */
  readonly size?: PictureSize | undefined;
  /** The user names the classes: names in the files do not count. */
  readonly isNamed?: boolean | undefined;
  /** Asks for one of a folder's ONNX files. */
  readonly precision?: Precision | undefined;
  readonly provenance: Omit<Provenance, 'source' | 'sha256'> & { readonly source?: string };
  /** Changes how pictures are prepared, by the user's flags; without it they are prepared as the files say. */
  readonly prepare?: Prepare;
  /** Called with what was found and left out. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called with what no file says and was therefore assumed. */
  readonly onAssumed?: ((text: string) => void) | undefined;
}

interface Prepare {
  /** Whether the user's flags replace everything that would be assumed. */
  readonly isComplete: boolean;
  /** Whether they do but for mean and deviation, which a network that takes bytes does not have. */
  readonly isPlaced: boolean;
  /**
   * @param own what the files say; undefined where they say nothing
   * @param size of the pictures that the network takes, in pixels
   */
  readonly apply: (own: Preprocessing | undefined, size: PictureSize) => Preprocessing | undefined;
}

/** @throws AppError for what is missing, damaged, unsafe, or of another network */
export async function readForeign(file: string, options: ForeignOptions): Promise<Model> {
  const found = await stat(file).catch(cannotOpen(file));
  if (!found.isDirectory()) {
    if (isOnnx(file)) return onnxModel(file, options);
    return isKerasFile(file) ? kerasModel(file, options) : readWeights(file, options);
  }
  const { weights, config } = await readFolder(file, options);
  const main = path.join(file, weights.file);
  if (weights.kind !== 'onnx') {
    if (config?.refusal) throw config.refusal;
    return readWeights(main, options, config);
  }
  const model = await onnxModel(main, options, config);
  const words = weights.text && config?.text;
  if (!words) return model;
  const { readTextHalf } = await import('./read-text-half.ts');
  const text = await readTextHalf(file, { text: weights.text, config: words }, options.onNote);
  return text ? { ...model, text } : model;
}

/** Whether the network takes bytes, for which fewer flags are enough, is known only when it is read. @throws AppError as `readHubFolder` does */
async function readFolder(folder: string, { precision, prepare }: ForeignOptions): Promise<HubFolder> {
  try {
    return await readHubFolder(folder, { precision, isPrepared: prepare?.isComplete });
  } catch (error) {
    if (!prepare?.isPlaced || !(error instanceof AppError)) throw error;
    const { config, ...found } = await readHubFolder(folder, { precision, isPrepared: true });
    return { ...found, ...(config && { config: { ...config, refusal: error } }) };
  }
}

/** What is thrown of a file that is there and cannot be read. @throws AppError always */
export const cannotOpen = (file: string) => (cause: unknown) => {
  if (cause instanceof AppError) throw cause;
  const problem = openingProblem(cause, 'no such file or folder');
  throw new AppError('MODEL_NOT_FOUND', `cannot open ${file}: ${problem}`, { cause });
};

async function onnxModel(file: string, options: ForeignOptions, config?: HubConfig): Promise<Model> {
  const sha256 = await sha256OfAll(file).catch(cannotOpen(file));
  const model = await readOnnx(file, options, config);
  const provenance = provenanceOf(file, sha256, options);
  const changes = config?.isBgr ? `${AS_IT_IS}; red and blue change places before it` : AS_IT_IS;
  return { ...model, provenance: model.foreign ? { ...provenance, changes } : provenance };
}

async function kerasModel(file: string, options: ForeignOptions): Promise<Model> {
  const sha256 = await sha256OfAll(file).catch(cannotOpen(file));
  return { ...(await readKeras(file, options)), provenance: provenanceOf(file, sha256, options) };
}

const AS_IT_IS = 'the network is kept as it is, its weights in one file';

const provenanceOf = (file: string, sha256: string, { provenance }: ForeignOptions): Provenance => ({
  ...provenance,
  source: provenance.source ?? path.basename(file),
  sha256,
});

async function readWeights(file: string, options: ForeignOptions, config?: HubConfig): Promise<Model> {
  const { name, onNote, prepare, isNamed = false } = options;
  const labels = namesIn(config, isNamed);
  const sha256 = await sha256OfAll(file).catch(cannotOpen(file));
  const published = publishedFile(path.basename(file), sha256);
  const architecture = options.architecture ?? published?.record.architecture;
  if (architecture !== undefined) findArchitecture(architecture);
  const network = architecture === undefined ? config?.network?.() : undefined;
  const preprocessingOf = (found: string): Preprocessing | undefined => {
    if (config) return preparedBy(config.preprocessing, config.size ?? 224);
    const isOf = published?.record.architecture === found;
    const record = isOf ? published.record : firstRecord(found);
    if (!record) throw new AppError('USAGE', `${found}: no weights of it are published that say how pictures are prepared`); // prettier-ignore
    if (!prepare?.isComplete) options.onAssumed?.(assumption(record, isOf ? published.by : undefined));
    return preparedBy(record.preprocessing, record.preprocessing.size);
  };
  const preparedBy = (own: Preprocessing | undefined, size: PictureSize) =>
    prepare ? prepare.apply(own, own?.size ?? size) : own;
  const model = await importCheckpoint(file, {
    ...(architecture !== undefined && { architecture }),
    ...(network && { network }),
    hints: [
      ...(config ? [config.hint] : []),
      path.basename(path.resolve(file)),
      path.basename(path.dirname(path.resolve(file))),
    ],
    isPublished: published !== undefined,
    ...(config?.isBgr && { isBgr: true }),
    preprocessingOf,
    ...(onNote && { onNote }),
    name,
    provenance: provenanceOf(file, sha256, options),
    ...(labels && { labels: { set: 'own', names: labels } as const }),
  });
  refuseOtherCount(model.graph, { labels, file, where: 'config.json' });
  return { ...model, graph: activatedBy(config, model.graph) };
}

/** How pictures are assumed to be prepared, and why: the numbers of a checkpoint do not say it. */
function assumption({ name, preprocessing }: WeightsRecord, by: 'sha256' | 'name' | undefined): string {
  const { resize, size, interpolation } = preprocessing;
  const why =
    by === 'sha256'
      ? `the file is ${name}, by its sha256`
      : by === 'name'
        ? `the file has the name of ${name}`
        : `${name} are the first published weights of this network`;
  return `assumed: pictures are prepared as for ${name}, the short side ${resize} pixels (${interpolation}), of which the middle ${size} are seen, since ${why}; --min-side, --crop, --interpolation, --mean and --std change it`;
}
