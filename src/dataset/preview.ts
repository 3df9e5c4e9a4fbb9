// preview.ts: shows a few pictures as several epochs of training will see them, with the same loader, streams and mixtures.

import type { EpochOptions, PictureLoader } from './loader.ts';
import type { Sample } from './dataset.ts';

export interface PreviewedPicture {
  readonly sample: Sample;
  /** One for each epoch. */
  readonly views: readonly PreviewedView[];
}

interface PreviewedView {
  /** `[size, size, 3]` uint8 */
  readonly pixels: Uint8Array;
  /** The target: shares by class, where pictures are mixed. */
  readonly shares?: Float32Array;
}

type PreviewOptions = Omit<EpochOptions, 'order' | 'batchSize' | 'skip' | 'epoch'> & {
  readonly pictures: number;
  readonly views: number;
};

/** Pictures at even distances among all, so that classes differ. Unreadable ones are left out. */
export async function previewPictures(
  loader: PictureLoader,
  { pictures, views, ...options }: PreviewOptions,
): Promise<readonly PreviewedPicture[]> {
  const { samples } = options;
  const count = Math.min(pictures, samples.length);
  const order = Array.from({ length: count }, (_, i) => Math.floor((i * samples.length) / count));
  const seen = new Map<number, PreviewedView[]>();
  for (let epoch = 0; epoch < views; epoch++) {
    for await (const batch of loader.batches({ ...options, order, batchSize: count, epoch })) {
      const bytes = batch.data.length / batch.count;
      batch.samples.forEach((i, at) => {
        const pixels = batch.data.slice(at * bytes, (at + 1) * bytes);
        const { targets } = batch;
        const shares =
          options.mix && 'probabilities' in targets
            ? targets.probabilities.slice(at * options.classes, (at + 1) * options.classes)
            : undefined;
        seen.set(i, [...(seen.get(i) ?? []), { pixels, ...(shares && { shares }) }]);
      });
    }
  }
  return [...seen].map(([i, views]) => ({ sample: samples[i]!, views }));
}
