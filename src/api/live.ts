// live.ts: a model that is kept loaded and answers single pictures as they come, whoever asks: what waits at the same time shares a
// run. The rows are those of `classify` and `extract-features`.

import type { ClassesConfig } from '../config/classes.ts';
import type { Language } from '../config/classify.ts';
import { isOpaque } from '../graph/opaque.ts';
import { classProbabilities } from '../graph/output.ts';
import type { Preparer } from '../images/preparer.ts';
import type { PreparedImage, PreparedPixels } from '../images/prepare.ts';
import type { Labels } from '../labels.ts';
import { classifyRow, type ClassifyRow } from '../report/prediction.ts';
import { Batcher, type BatcherOptions } from '../util/batcher.ts';
import { normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import { elementCount, type Shape } from '../util/shape.ts';
import { UNKNOWN_RATE } from '../util/novelty.ts';
import { onlyNetwork, type LoadedClassifier, type Member, type OpenedClassifier } from './classifier.ts';
import { answeredOf, checkedTopk, inLanguages, noveltyLimitOf, resultOf, type Answered } from './classify.ts';
import { readClassWords } from './class-words.ts';
import { openEmbedder, type Embedder } from './embedding.ts';
import { openClassifier } from './ensemble.ts';
import { infoOf, type ModelInfo } from './model.ts';
import { DEFAULT_BATCH, type NetworkConfig } from './network.ts';
import { inOptionNames } from './options.ts';
import { workOf, type Work } from './work.ts';

export interface LiveConfig extends NetworkConfig, ClassesConfig {
  /** The longest time that a picture waits for others, in milliseconds. */
  readonly maxDelay: number;
}

/** Where a picture is prepared, and who is told of the groups that are computed. */
export interface LiveSurroundings {
  readonly preparer: Preparer;
  readonly onBatch?: (model: string, pictures: number) => void;
}

export interface LiveClassifyOptions {
  readonly topk?: number | undefined;
  readonly languages: readonly Language[];
}

/** Numbers of a picture as the network takes it, `[H,W,3]`: bytes, or floats that are normalised already. */
export type LiveTensor = Uint8Array | Float32Array;

interface Loaded extends Pick<LiveModel, 'info' | 'tensors'> {
  readonly classifier: LoadedClassifier;
}

/** Any number of calls may be under way at once. */
export class LiveModel {
  readonly info: ModelInfo;
  /** The model folders, one for each member. */
  readonly folders: readonly string[];
  /** What it takes beside encoded pictures: a picture's pixels, or numbers that are normalised already. */
  readonly tensors: ReadonlySet<'pixels' | 'numbers'>;
  readonly #opened: OpenedClassifier;
  readonly #config: LiveConfig;
  readonly #surroundings: LiveSurroundings;
  readonly #classifier: LoadedClassifier;
  /** In English alone, and with Chinese where it is known. */
  readonly #labels: Readonly<Record<Language, Labels>>;
  readonly #pixels: Batcher<PreparedPixels, Answered>;
  readonly #numbers: Batcher<Float32Array, Float64Array>;
  readonly #features: Batcher<PreparedPixels, Float32Array>;
  #embedder: Promise<Embedder> | undefined;

  private constructor(opened: OpenedClassifier, config: LiveConfig, given: Loaded, around: LiveSurroundings) {
    const { classifier, info } = given;
    this.info = info;
    this.folders = opened.members.map(({ network }) => network.folder);
    this.tensors = given.tensors;
    this.#opened = opened;
    this.#config = config;
    this.#surroundings = around;
    this.#classifier = classifier;
    this.#labels = { en: inLanguages(info.labels, ['en']), zh: info.labels };
    this.#pixels = this.#batcher((images) => answeredOf(images, classifier));
    this.#numbers = this.#batcher((rows) => this.#probabilitiesOfNumbers(rows));
    this.#features = this.#batcher(async (images) => {
      const rows = await (await this.#embedding()).rows(images);
      return rows.map(([row]) => row!);
    });
  }

  /**
   * Opens and loads a model of `--model`, and runs it once, so that the first picture does not wait.
   * @throws AppError for all that can be missing or wrong
   */
  static async open(config: LiveConfig, around: LiveSurroundings, work: Work): Promise<LiveModel> {
    const { classes } = config;
    const words = classes && (await readClassWords(classes, (text) => work.note(text)));
    const opened = await openClassifier({ ...config, ...(words && { classes: { words } }) }, work);
    try {
      const classifier = await opened.load();
      const info = await infoOf(opened, words);
      const tensors = await tensorsOf(opened);
      const model = new LiveModel(opened, config, { classifier, info, tensors }, around);
      await answeredOf([{ pixels: opened.preprocessings.map(blackPixels) }], classifier);
      work.note(`${opened.name} on ${classifier.engine}`);
      return model;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** A picture that cannot be read is a row with `error`. @throws AppError USAGE; the signal's reason */
  async classify(
    { file, bytes }: { readonly file: string; readonly bytes: Buffer },
    { topk, languages }: LiveClassifyOptions,
    signal: AbortSignal,
  ): Promise<ClassifyRow> {
    const { name, classes } = this.#classifier;
    const naming = {
      model: name,
      topk: await inOptionNames(() => checkedTopk(topk, classes, name)),
      labels: this.#labels[languages.includes('zh') ? 'zh' : 'en'],
      threshold: 0,
      limit: noveltyLimitOf(this.#classifier, UNKNOWN_RATE),
    };
    const image = await this.#prepare(file, bytes);
    const answered = 'pixels' in image ? await this.#pixels.ask(image, signal) : undefined;
    return classifyRow(resultOf(image, answered, naming));
  }

  /** The probabilities of all classes. @throws AppError as decoding does; the signal's reason */
  async probabilitiesOfPicture(bytes: Buffer, signal: AbortSignal): Promise<Float64Array> {
    const image = await this.#prepare('', bytes);
    if ('error' in image) throw image.error;
    return (await this.#pixels.ask(image, signal)).probabilities;
  }

  /** The same of a picture that the caller has prepared. @throws AppError MODEL_UNSUPPORTED; the signal's reason */
  async probabilitiesOfTensor(tensor: LiveTensor, signal: AbortSignal): Promise<Float64Array> {
    const kind = tensor instanceof Float32Array ? 'numbers' : 'pixels';
    if (!this.tensors.has(kind)) {
      throw new AppError('MODEL_UNSUPPORTED', `${this.info.name} takes no ${kind}; send encoded pictures`);
    }
    return tensor instanceof Float32Array
      ? this.#numbers.ask(tensor, signal)
      : (await this.#pixels.ask({ pixels: [tensor] }, signal)).probabilities;
  }

  /** @throws AppError USAGE for several models, as decoding does; the signal's reason */
  async features(
    bytes: Buffer,
    { normalize }: { readonly normalize: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly features: Float32Array; readonly shape: Shape }> {
    const { layers } = await this.#embedding();
    const image = await this.#prepare('', bytes);
    if ('error' in image) throw image.error;
    const row = await this.#features.ask(image, signal);
    return { features: normalize ? normalized(row) : row, shape: layers[0]!.rowShape };
  }

  /** Frees the memory once all that was asked is answered. */
  async close(): Promise<void> {
    await Promise.all([this.#pixels, this.#numbers, this.#features].map((batcher) => batcher.idle()));
    await this.#opened.close();
  }

  #batcher<Item, Result>(run: BatcherOptions<Item, Result>['run']): Batcher<Item, Result> {
    const { batchSize = DEFAULT_BATCH, maxDelay } = this.#config;
    return new Batcher({
      maxBatch: batchSize,
      maxDelay,
      run: (items) => {
        this.#surroundings.onBatch?.(this.info.name, items.length);
        return run(items);
      },
    });
  }

  #prepare(file: string, bytes: Buffer): Promise<PreparedImage> {
    const { preprocessings } = this.#opened;
    return this.#surroundings.preparer.prepare(
      { file, content: { bytes } },
      { decode: this.#config.decode, preprocessings, keepOriginal: false },
    );
  }

  async #probabilitiesOfNumbers(rows: readonly Float32Array[]): Promise<readonly Float64Array[]> {
    const network = onlyNetwork(this.#opened);
    const { predictor } = await network.load(undefined, true);
    const data = new Float32Array(rows.length * rows[0]!.length);
    rows.forEach((row, i) => data.set(row, i * row.length));
    const [scores] = await predictor.run({ data, count: rows.length });
    const numbers = scores!.data.length / rows.length;
    const { output } = this.#classifier;
    return rows.map((_, i) =>
      classProbabilities(output, scores!.data.subarray(i * numbers, (i + 1) * numbers)),
    );
  }

  #embedding(): Promise<Embedder> {
    const choice = { layers: [], pool: 'avg', useCache: false } as const;
    return (this.#embedder ??= openEmbedder(onlyNetwork(this.#opened), { ...this.#config, ...choice }, workOf({}))); // prettier-ignore
  }
}

const blackPixels = ({ size }: Preprocessing) => new Uint8Array(elementCount([...sidesOf(size), 3]));

/** Several networks may see pictures in several ways; numbers that are normalised need a network of finch's layers on engine onnx. */
async function tensorsOf({ members, preprocessings }: OpenedClassifier): Promise<LiveModel['tensors']> {
  const [{ network }, ...others] = members as [Member];
  const { name } = await network.engine();
  const takesNumbers =
    others.length === 0 && name === 'onnx' && !network.readText && !isOpaque(network.model.graph);
  return new Set([
    ...(preprocessings.length === 1 ? (['pixels'] as const) : []),
    ...(takesNumbers ? (['numbers'] as const) : []),
  ]);
}
