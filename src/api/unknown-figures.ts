// unknown-figures.ts: how well a network tells pictures of no class from those of its classes.

import { Readable } from 'node:stream';
import type { EvaluateConfig } from '../config/evaluate.ts';
import { auroc } from '../evaluation/auroc.ts';
import { imageReferences } from '../images/source.ts';
import type { UnknownFigures } from '../report/evaluation.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { UNKNOWN_RATE } from '../util/novelty.ts';
import { measuredPictures } from './answered.ts';
import type { LoadedClassifier, OpenedClassifier } from './classifier.ts';
import type { Work } from './work.ts';

/**
 * @param known of the pictures of known classes
 * @throws AppError DATASET_INVALID where the folder has no picture that can be read; INPUT_NOT_FOUND, INTERRUPTED
 */
export async function unknownFigures(
  network: { readonly opened: OpenedClassifier; readonly model: LoadedClassifier },
  known: readonly number[],
  config: EvaluateConfig,
  work: Work,
): Promise<UnknownFigures> {
  const { unknown = '' } = config;
  const found: number[] = [];
  let done = 0;
  const references = imageReferences([unknown], Readable.from([]), work.signal);
  for await (const picture of measuredPictures(references, network, config, work)) {
    if ('error' in picture) work.note(`--unknown: ${picture.file}: ${picture.error.message}`);
    else found.push(picture.answer.novelty!);
    done += 1;
    work.progress({ task: 'evaluate', done, text: `${done} pictures of no class` });
  }
  if (found.length === 0) {
    throw new AppError('DATASET_INVALID', `--unknown: ${quoted(unknown)} has no picture that can be read`);
  }
  const limit = network.model.noveltyLimit!(UNKNOWN_RATE);
  const share = (scores: readonly number[]) =>
    scores.filter((score) => score <= limit).length / scores.length;
  return {
    samples: found.length,
    auroc: auroc(known, found),
    falseKnown: share(found),
    knownKept: share(known),
  };
}
