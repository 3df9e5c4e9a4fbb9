// unknown-figures.ts: how well a network tells pictures of no class from those of its classes.

import { Readable } from 'node:stream';
import type { EvaluateConfig } from '../config/evaluate.ts';
import { UNKNOWN_RATE } from '../config/classify.ts';
import { auroc } from '../evaluation/auroc.ts';
import { loadImages } from '../images/loader.ts';
import { imageReferences } from '../images/source.ts';
import type { UnknownFigures } from '../report/evaluation.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { batched } from '../util/streams.ts';
import type { LoadedClassifier, OpenedClassifier } from './classifier.ts';
import { BATCH_PATIENCE_MS, DEFAULT_BATCH } from './network.ts';
import { throwIfAborted, type Work } from './work.ts';

/** @throws AppError USAGE where the network cannot tell what is unlike its classes */
export function checkNovelty({ name, noveltyLimit }: LoadedClassifier): void {
  if (noveltyLimit) return;
  throw new AppError(
    'USAGE',
    `--unknown: ${quoted(name)} cannot tell what is unlike its classes; a single network that finetune has taught classes of one label can: --model runs/…/best`,
  );
}

/**
 * @param known of the pictures of known classes
 * @throws AppError DATASET_INVALID where the folder has no picture that can be read; INPUT_NOT_FOUND, INTERRUPTED
 */
export async function unknownFigures(
  { opened, model }: { readonly opened: OpenedClassifier; readonly model: LoadedClassifier },
  known: readonly number[],
  { unknown = '', decode, batchSize = DEFAULT_BATCH }: EvaluateConfig,
  work: Work,
): Promise<UnknownFigures> {
  const prepare = { decode, preprocessings: opened.preprocessings, keepOriginal: false };
  const found: number[] = [];
  let failed = 0;
  const references = imageReferences([unknown], Readable.from([]), work.signal);
  for await (const group of batched(
    loadImages(references, prepare, batchSize),
    batchSize,
    BATCH_PATIENCE_MS,
  )) {
    const readable = group.filter((image) => 'pixels' in image);
    for (const image of group)
      if ('error' in image) work.note(`--unknown: ${image.file}: ${image.error.message}`);
    failed += group.length - readable.length;
    if (readable.length > 0) {
      for (const { novelty } of await model.answers(readable)) found.push(novelty!);
    }
    const done = found.length + failed;
    work.progress({ task: 'evaluate', done, text: `${done} pictures of no class` });
    throwIfAborted(work);
  }
  if (found.length === 0) {
    throw new AppError('DATASET_INVALID', `--unknown: ${quoted(unknown)} has no picture that can be read`);
  }
  const limit = model.noveltyLimit!(UNKNOWN_RATE);
  const share = (scores: readonly number[]) =>
    scores.filter((score) => score <= limit).length / scores.length;
  return {
    samples: found.length,
    auroc: auroc(known, found),
    falseKnown: share(found),
    knownKept: share(known),
  };
}
