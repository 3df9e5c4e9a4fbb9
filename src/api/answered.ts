// answered.ts: what a classifier says of pictures, in order, for who measures it: numbers, and no names of classes.

import { loadImages } from '../images/loader.ts';
import type { ImageReference } from '../images/source.ts';
import type { AppError } from '../util/errors.ts';
import { batched } from '../util/streams.ts';
import type { LoadedClassifier, OpenedClassifier, PictureAnswer } from './classifier.ts';
import { BATCH_PATIENCE_MS, DEFAULT_BATCH, type NetworkConfig } from './network.ts';
import { throwIfAborted, type Work } from './work.ts';

/** A picture's answer, or why it could not be read. */
export type MeasuredPicture =
  | { readonly file: string; readonly error: AppError }
  | { readonly file: string; readonly answer: PictureAnswer };

/** @throws AppError INTERRUPTED after a batch */
export async function* measuredPictures(
  references: AsyncIterable<ImageReference>,
  { opened, model }: { readonly opened: OpenedClassifier; readonly model: LoadedClassifier },
  { decode, batchSize = DEFAULT_BATCH }: Pick<NetworkConfig, 'decode' | 'batchSize'>,
  work: Work,
): AsyncGenerator<MeasuredPicture, void, undefined> {
  const prepare = { decode, preprocessings: opened.preprocessings, keepOriginal: false };
  const images = loadImages(references, prepare, batchSize);
  for await (const group of batched(images, batchSize, BATCH_PATIENCE_MS)) {
    const readable = group.filter((image) => 'pixels' in image);
    const answers = readable.length > 0 ? (await model.answers(readable)).values() : [].values();
    for (const image of group) {
      const { file } = image;
      yield 'error' in image ? { file, error: image.error } : { file, answer: answers.next().value! };
    }
    throwIfAborted(work);
  }
}
