// tried.ts: a model that is kept loaded for somebody who tries pictures one by one: its classes, and what spoke for the first of them.

import { encodePng } from '../images/decode.ts';
import { withHeat } from '../images/heat.ts';
import type { Preparer } from '../images/preparer.ts';
import type { Labels } from '../labels.ts';
import { classifyRow, type ClassifyRow } from '../report/prediction.ts';
import { AppError } from '../util/errors.ts';
import { UNKNOWN_RATE } from '../util/novelty.ts';
import type { LoadedClassifier, OpenedClassifier } from './classifier.ts';
import { answeredOf, heatOf, noveltyLimitOf, resultOf } from './classify.ts';
import { ownLabels } from './classes.ts';
import { openClassifier } from './ensemble.ts';
import { loadExplaining, type ExplainingClassifier } from './explain.ts';
import type { NetworkConfig } from './network.ts';
import type { Work } from './work.ts';

/** Longest side of a picture with heat over it, in pixels. */
const HEAT_SIDE = 512;

export interface TriedPicture {
  /** A picture that cannot be read is a row with `error`. */
  readonly row: ClassifyRow;
  /** A PNG of the picture with what spoke for its class over it; absent where it was not asked for, or the network has no places. */
  readonly heat?: Buffer;
}

export interface TryOptions {
  readonly topk: number;
  readonly explains: boolean;
}

export class TriedModel {
  readonly #opened: OpenedClassifier;
  readonly #classifier: LoadedClassifier | ExplainingClassifier;
  readonly #labels: Labels;
  readonly #config: NetworkConfig;
  readonly #preparer: Preparer;
  /** Ends when the picture before is answered. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    { opened, classifier, labels }: { readonly opened: OpenedClassifier; readonly classifier: LoadedClassifier; readonly labels: Labels },
    config: NetworkConfig,
    preparer: Preparer,
  ) {
    this.#opened = opened;
    this.#classifier = classifier;
    this.#labels = labels;
    this.#config = config;
    this.#preparer = preparer;
  } // prettier-ignore

  /** @throws AppError for all that can be missing or wrong */
  static async open(config: NetworkConfig, preparer: Preparer, work: Work): Promise<TriedModel> {
    const opened = await openClassifier(config, work);
    try {
      const classifier = await loadExplaining(opened, work).catch((error: unknown) => {
        // A network without places answers all the same.
        if (error instanceof AppError && error.code === 'USAGE') return opened.load();
        throw error;
      });
      const labels = await ownLabels(classifier, classifier.classes, work);
      return new TriedModel({ opened, classifier, labels }, config, preparer);
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  async try(bytes: Buffer, { topk, explains }: TryOptions): Promise<TriedPicture> {
    const classifier = this.#classifier;
    const naming = {
      model: classifier.name,
      labels: this.#labels,
      topk: Math.min(topk, classifier.classes),
      threshold: 0,
      limit: noveltyLimitOf(classifier, UNKNOWN_RATE),
    };
    const draws = explains && 'explain' in classifier;
    const image = await this.#preparer.prepare(
      { file: '', content: { bytes } },
      { decode: this.#config.decode, preprocessings: this.#opened.preprocessings, keepOriginal: draws },
    );
    if ('error' in image) return { row: classifyRow(resultOf(image, undefined, naming)) };
    return this.#inTurn(async () => {
      const [answered] = await answeredOf([image], classifier);
      const row = classifyRow(resultOf(image, answered, naming));
      const heat = draws && (await heatOf(image, answered!.probabilities, classifier));
      if (!heat || !image.original) return { row };
      return { row, heat: await encodePng(withHeat(image.original, heat.size, heat), HEAT_SIDE) };
    });
  }

  /** Frees the memory once all that was asked is answered. */
  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#opened.close();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.catch(() => {}).then(action);
    this.#turn = result;
    return result;
  }
}
