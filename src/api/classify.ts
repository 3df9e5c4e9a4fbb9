// classify.ts: computes the classes of pictures, in order. Connects the stages; does no arithmetic.

import type { ClassifyConfig, Language } from '../config/classify.ts';
import { classProbabilities } from '../graph/output.ts';
import { loadImages } from '../images/loader.ts';
import type { PreparedImage, PreparedPixels } from '../images/prepare.ts';
import type { Pixels, Size } from '../images/resize.ts';
import type { ImageReference } from '../images/source.ts';
import { readLabelFile, type Labels } from '../labels.ts';
import type { ClassifyResult, Explanation, Prediction } from '../report/prediction.ts';
import { AppError } from '../util/errors.ts';
import { batched, startNow } from '../util/streams.ts';
import { topIndices } from '../util/top.ts';
import { ownLabels } from './classes.ts';
import { checkNovelty, type LoadedClassifier, type OpenedClassifier } from './classifier.ts';
import type { ExplainingClassifier } from './explain.ts';
import { BATCH_PATIENCE_MS, DEFAULT_BATCH } from './network.ts';
import { remarksOf } from './remarks.ts';
import { throwIfAborted, untilAborted, type Work } from './work.ts';

const DEFAULT_TOPK = 3;

export type ClassifySettings = Pick<
  ClassifyConfig,
  'topk' | 'labels' | 'threshold' | 'unknown' | 'needsNovelty' | 'batchSize' | 'decode'
> & {
  /** Hands over the decoded pictures too, for figures. */
  readonly keepOriginal: boolean;
  /** Says of each picture what spoke for its most probable class. */
  readonly explains?: boolean;
  /** How many pictures there are, as far as it is known. */
  readonly total?: () => number | undefined;
};

export interface ClassifiedPicture {
  readonly result: ClassifyResult;
  readonly original?: Pixels;
  readonly heat?: SizedHeat;
}

/** What spoke for the class, and the size of the picture that it lies on. */
export interface SizedHeat extends Explanation {
  readonly size: Size;
}

/**
 * One result for each picture, in the order of the references. The networks stay loaded.
 * @throws AppError USAGE for a `topk` beyond the classes, INTERRUPTED, and what loading throws
 */
export async function* classifyPictures(
  opened: OpenedClassifier,
  references: AsyncIterable<ImageReference>,
  settings: ClassifySettings,
  work: Work,
): AsyncGenerator<ClassifiedPicture, void, undefined> {
  const { decode, keepOriginal, batchSize = DEFAULT_BATCH } = settings;
  const prepare = { decode, preprocessings: opened.preprocessings, keepOriginal };
  // The first pictures are decoded while the networks are being loaded.
  const images = startNow(loadImages(untilAborted(references, work), prepare, batchSize));
  try {
    // Loaded by who asks for maps, so that nobody else waits for it.
    const loadExplaining = settings.explains && (await import('./explain.ts')).loadExplaining;
    const classifier = await (loadExplaining ? loadExplaining(opened, work) : opened.load());
    const naming = await namingFor(classifier, settings, work);
    yield* answers(images, { classifier, settings, naming }, work);
  } finally {
    await images.return();
  }
}

/** How the classes of pictures are told. */
export interface Naming {
  readonly model: string;
  readonly labels: Labels;
  readonly topk: number;
  /** Classes less probable are left out. */
  readonly threshold: number;
  /** A picture of more novelty is unknown. */
  readonly limit: number;
}

/** Infinity where the classifier cannot tell what is unlike its classes. */
export function noveltyLimitOf({ noveltyLimit }: LoadedClassifier, rate: number): number {
  return noveltyLimit?.(rate) ?? Infinity;
}

async function namingFor(
  classifier: LoadedClassifier,
  settings: ClassifySettings,
  work: Work,
): Promise<Naming> {
  const { name, classes, engine } = classifier;
  const topk = checkedTopk(settings.topk, classes, name);
  if (settings.needsNovelty) checkNovelty(classifier, '--unknown-rate');
  const labels = await labelsFor(settings, classifier, work);
  work.note(`${name} on ${engine}`);
  const { say, rate } = settings.unknown;
  const limit = say === 'auto' ? noveltyLimitOf(classifier, rate) : Infinity;
  return { model: name, labels, topk, threshold: settings.threshold, limit };
}

/** @throws AppError USAGE for more than there are */
export function checkedTopk(topk: number | undefined, classes: number, name: string): number {
  if (topk !== undefined && topk > classes) {
    throw new AppError(
      'USAGE',
      `--topk must be at most ${classes}, the classes of ${name}, received ${topk}`,
    );
  }
  return topk ?? Math.min(DEFAULT_TOPK, classes);
}

async function labelsFor(
  { labels }: ClassifySettings,
  classifier: LoadedClassifier,
  work: Work,
): Promise<Labels> {
  const { classes } = classifier;
  const own = await ownLabels(classifier, classes, work);
  if ('file' in labels) {
    const given = await readLabelFile(labels.file, classes, (text) => work.note(text));
    return given.map((label, i) => (own[i]?.id !== undefined ? { id: own[i].id, ...label } : label));
  }
  return inLanguages(own, labels.languages);
}

export function inLanguages(own: Labels, languages: readonly Language[]): Labels {
  if (languages.includes('zh')) return own;
  return own.map(({ labelZh: _, ...rest }) => rest);
}

interface Question {
  readonly classifier: LoadedClassifier;
  readonly settings: ClassifySettings;
  readonly naming: Naming;
}

async function* answers(
  images: AsyncIterable<PreparedImage>,
  { classifier, settings, naming }: Question,
  work: Work,
): AsyncGenerator<ClassifiedPicture, void, undefined> {
  const started = performance.now();
  let [done, failed] = [0, 0];
  const remarks = remarksOf();
  for await (const group of batched(images, settings.batchSize ?? DEFAULT_BATCH, BATCH_PATIENCE_MS)) {
    const answered = await runGroup(group, classifier);
    for (const [i, image] of group.entries()) {
      const result = resultOf(image, answered[i], naming);
      if ('remark' in image) remarks.add(image);
      if ('error' in result) failed += 1;
      const heat = await heatOf(image, answered[i]?.probabilities, classifier);
      yield { result, ...('original' in image && { original: image.original }), ...(heat && { heat }) };
    }
    done += group.length;
    const rate = (done / (performance.now() - started)) * 1000;
    const total = settings.total?.();
    work.progress({
      task: 'classify',
      done,
      ...(total !== undefined && { total }),
      text: `${done}${total === undefined ? '' : ` of ${total}`} pictures, ${rate.toFixed(1)}/s${failed ? `, ${failed} failed` : ''}`,
    });
    throwIfAborted(work);
  }
  for (const line of remarks.lines()) work.note(line);
}

export interface Answered {
  /** `[classes]` */
  readonly probabilities: Float64Array;
  /** How unlike all classes the picture is, where the classifier can tell. */
  readonly novelty: number | undefined;
}

/** What is said of each readable picture of a group; undefined for the others. */
async function runGroup(
  group: readonly PreparedImage[],
  classifier: LoadedClassifier,
): Promise<readonly (Answered | undefined)[]> {
  const readable = group.filter((image) => 'pixels' in image);
  if (readable.length === 0) return [];
  const known = (await answeredOf(readable, classifier)).values();
  return group.map((image) => ('pixels' in image ? known.next().value! : undefined));
}

export async function heatOf(
  image: PreparedImage,
  probabilities: Float64Array | undefined,
  classifier: LoadedClassifier | ExplainingClassifier,
): Promise<SizedHeat | undefined> {
  if ('error' in image || !probabilities || !('explain' in classifier)) return undefined;
  const [index] = topIndices(probabilities, 1) as [number];
  const { width, height } = image;
  const size = { width, height };
  return { ...(await classifier.explain({ image, size, probabilities, index })), size };
}

/** What a classifier says of each picture. */
export async function answeredOf(
  images: readonly PreparedPixels[],
  { output, answers }: Pick<LoadedClassifier, 'output' | 'answers'>,
): Promise<readonly Answered[]> {
  return (await answers(images)).map(({ row, novelty }) => ({
    probabilities: classProbabilities(output, row),
    novelty,
  }));
}

/** @param answered there for a picture that could be read */
export function resultOf(
  image: PreparedImage,
  answered: Answered | undefined,
  { model, labels, topk, threshold, limit }: Naming,
): ClassifyResult {
  if ('error' in image) {
    return { file: image.file, error: { code: image.error.code, message: image.error.message } };
  }
  const { probabilities, novelty = -Infinity } = answered!;
  const predictions = topIndices(probabilities, topk)
    .filter((index) => probabilities[index]! >= threshold)
    .map((index, i): Prediction => ({
      rank: i + 1,
      index,
      ...labels[index]!,
      probability: probabilities[index]!,
    }));
  return { file: image.file, model, predictions, ...(novelty > limit && { unknown: true }) };
}
