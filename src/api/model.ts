// model.ts: `openModel`: a network that classifies pictures and gives their features, for programs. Prints nothing.

import { classifyConfig } from '../config/classify.ts';
import { featureChoice } from '../config/features.ts';
import { inferenceConfig } from '../config/inference.ts';
import type { Pool } from '../features/pooling.ts';
import type { Labels } from '../labels.ts';
import { classifyRow, type ClassifyRow, type FailedRow } from '../report/prediction.ts';
import { normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { type PictureSize, type Preprocessing } from '../util/preprocessing.ts';
import type { Shape } from '../util/shape.ts';
import { readClassWords } from './class-words.ts';
import { ownLabels, putsOutClasses } from './classes.ts';
import { onlyNetwork, type Member, type OpenedClassifier } from './classifier.ts';
import { classifyPictures } from './classify.ts';
import { noteIdlePool, openEmbedder } from './embedding.ts';
import { openClassifier } from './ensemble.ts';
import { fileOf, pictureReferences, type PictureInputs } from './inputs.ts';
import { placeOf, type NetworkConfig } from './network.ts';
import { flagsOf, inOptionNames, type RunOptions } from './options.ts';
import { workOf, type WorkOptions } from './work.ts';

/** Options of `openModel`: where the network runs, and how pictures are prepared. */
export interface OpenModelOptions extends RunOptions, WorkOptions {
  /** For a model that compares pictures with words: the words that are its classes. */
  readonly classes?: readonly string[] | undefined;
}

export interface ClassifyOptions extends WorkOptions {
  /** How many classes, 1 to the number of classes; 3 by default. */
  readonly topk?: number | undefined;
  /** Languages of ImageNet's class names, or a file of class names; English and Chinese by default. */
  readonly labels?: readonly ('en' | 'zh')[] | string | undefined;
  /** Classes less probable are left out, 0…1; 0 by default. */
  readonly threshold?: number | undefined;
  /** Whether a picture unlike all classes gets `unknown: true`: `auto` (the default) where the model can tell, or `off`. */
  readonly unknown?: 'auto' | 'off' | undefined;
  /** Share of the pictures of known classes that keep their answer, above 0 and below 1; 0.95 by default. */
  readonly unknownRate?: number | undefined;
  /** Says of each picture which places spoke for its most probable class; false by default. One model only. */
  readonly explain?: boolean | undefined;
}

export interface FeatureOptions extends WorkOptions {
  /** The layer whose output is taken; the classifier's input by default. */
  readonly layer?: string | undefined;
  /** How a layer's height and width are reduced: by their mean (the default), their maximum, or not at all (all numbers). */
  readonly pool?: Pool | undefined;
  /** Scale every row to length 1; false by default. */
  readonly normalize?: boolean | undefined;
  /** Read rows from the cache in FINCH_HOME and store new ones there; true by default. */
  readonly cache?: boolean | undefined;
}

/** A picture's features. */
export interface FeaturesRow {
  /** The path as it was given or found; null for a picture that was handed over as bytes. */
  readonly file: string | null;
  /** float32, row by row, channels last. */
  readonly features: Float32Array;
  /** Without the batch: `[1280]`, or `[H,W,C]` with `pool: 'none'`. */
  readonly shape: Shape;
}

/** What is known of an opened model. */
export interface ModelInfo {
  readonly name: string;
  /** How many classes it knows; absent where it puts out no class scores. */
  readonly classes?: number;
  /** What the classes are called, in their order; `id` is a WordNet id. Empty where there are none. */
  readonly labels: Labels;
  /** Side of the square that it sees, in pixels. */
  readonly inputSize: PictureSize;
  readonly preprocessing: Preprocessing;
  /** `onnx on cpu` */
  readonly device: string;
  /** The models whose probabilities are averaged, where there are several; `inputSize` and `preprocessing` are the first one's then. */
  readonly members?: readonly MemberInfo[];
}

/** What is known of one of several models that answer together. */
export interface MemberInfo extends Pick<ModelInfo, 'name' | 'inputSize' | 'preprocessing'> {
  /** Its share of the mean: those of all members add up to 1. */
  readonly weight: number;
}

/** An opened model. Any number of calls may be under way at once. */
export interface Model {
  readonly info: ModelInfo;
  /**
   * The classes of each picture, in the order of the inputs: the objects of `classify --format ndjson`.
   * A picture that cannot be read is a row with `error`.
   * @throws FinchError USAGE for options; INTERRUPTED once `signal` is aborted
   */
  classify(inputs: PictureInputs, options?: ClassifyOptions): AsyncGenerator<ClassifyRow, void, undefined>;
  /**
   * The features of each picture, in the order of the inputs.
   * @throws FinchError USAGE for options, with the nearest layers for one that is not there, and for several models; INTERRUPTED
   */
  features(
    inputs: PictureInputs,
    options?: FeatureOptions,
  ): AsyncGenerator<FeaturesRow | FailedRow, void, undefined>;
  /** Closes the model at once and frees its memory. It does not wait for running calls: they fail. */
  close(): Promise<void>;
  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a network by its name (`efficientnet_lite0` ships with finch; `resnet18` and others are fetched at first use) or by its
 * model folder. Its weights are loaded when the first picture needs them. Several with the same classes, `a,b` or `a:0.6,b:0.4`,
 * are one model whose probabilities are the mean of theirs.
 * @throws FinchError MODEL_NOT_FOUND with the nearest names; MODEL_INVALID; MODEL_MISMATCH; DOWNLOAD_FAILED; ENGINE_UNAVAILABLE; USAGE
 */
export async function openModel(nameOrFolder: string, options: OpenModelOptions = {}): Promise<Model> {
  const { signal, onNote, onProgress, exif = true, classes, ...rest } = options;
  const config: NetworkConfig = await inOptionNames(() =>
    inferenceConfig([], { ...flagsOf(rest), exif, model: nameOrFolder }),
  );
  const work = workOf({ signal, onNote, onProgress });
  const words =
    classes && (await inOptionNames(() => readClassWords({ words: classes }, (text) => work.note(text))));
  const opened = await openClassifier({ ...config, ...(words && { classes: { words } }) }, work);
  return new OpenModel(opened, config, await infoOf(opened, words));
}

export async function infoOf(
  { name, members }: OpenedClassifier,
  words: readonly string[] | undefined,
): Promise<ModelInfo> {
  const [{ network }] = members as [Member];
  const { model, preprocessing } = network;
  const classes = words?.length ?? putsOutClasses(model);
  const own = words?.map((label) => ({ label }));
  return {
    name,
    ...(classes !== undefined && { classes }),
    labels: own ?? (classes === undefined ? [] : await ownLabels(model, classes, workOf({}))),
    inputSize: preprocessing.size,
    preprocessing,
    device: placeOf(await network.engine()),
    ...(members.length > 1 && { members: members.map(memberInfo) }),
  };
}

const memberInfo = ({ network: { model, preprocessing }, weight }: Member): MemberInfo => ({
  name: model.name,
  weight,
  inputSize: preprocessing.size,
  preprocessing,
});

class OpenModel implements Model {
  readonly info: ModelInfo;
  readonly #opened: OpenedClassifier;
  readonly #config: NetworkConfig;
  #isClosed = false;

  constructor(opened: OpenedClassifier, config: NetworkConfig, info: ModelInfo) {
    this.#opened = opened;
    this.#config = config;
    this.info = info;
  }

  async *classify(
    inputs: PictureInputs,
    options: ClassifyOptions = {},
  ): AsyncGenerator<ClassifyRow, void, undefined> {
    this.#checkOpen();
    const { signal, onNote, onProgress, explain: explains = false, ...rest } = options;
    const { model } = this.#config;
    const { topk, labels, threshold, unknown, needsNovelty } = await inOptionNames(() =>
      classifyConfig([], { threshold: '0', ...flagsOf(rest), format: 'ndjson', model, exif: true }),
    );
    const settings = { ...this.#config, ...(topk !== undefined && { topk }), ...(needsNovelty && { needsNovelty }), labels, threshold, unknown, keepOriginal: false, explains }; // prettier-ignore
    const work = workOf({ signal, onNote, onProgress });
    const pictures = classifyPictures(this.#opened, pictureReferences(inputs), settings, work);
    for await (const { result, heat } of pictures) {
      const row = { ...classifyRow(result), file: fileOf(result.file) };
      if (!heat) yield row;
      else {
        const { size: _, ...explain } = heat;
        yield { ...row, explain };
      }
    }
  }

  async *features(
    inputs: PictureInputs,
    options: FeatureOptions = {},
  ): AsyncGenerator<FeaturesRow | FailedRow, void, undefined> {
    this.#checkOpen();
    const { signal, onNote, onProgress, layer, pool, normalize = false, cache = true } = options;
    const choice = await inOptionNames(() =>
      featureChoice({ ...(layer !== undefined && { layer: [layer] }), ...(pool && { pool }), cache }),
    );
    const work = workOf({ signal, onNote, onProgress });
    const embedder = await openEmbedder(onlyNetwork(this.#opened), { ...this.#config, ...choice }, work);
    const shape = embedder.layers[0]!.rowShape;
    try {
      noteIdlePool(embedder, choice.pool, work);
      for await (const image of embedder.embed(pictureReferences(inputs))) {
        const file = fileOf(image.file);
        if ('error' in image) {
          const { code, message } = image.error;
          yield { file, error: { code, message } };
        } else {
          const row = image.rows[0]!;
          yield { file, features: normalize ? normalized(row) : row, shape };
        }
      }
    } finally {
      await embedder.dispose();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opened.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new AppError('USAGE', `${this.info.name} was closed; open it again`);
  }
}
