// preview.ts: a few pictures as several epochs of training will see them: the same loader, streams and mixtures.

import type { EpochOptions, PictureLoader } from './loader.ts';
import type { Sample } from './dataset.ts';

export interface PreviewedPicture {
  readonly sample: Sample;
  /** `[size, size, 3]` uint8, one an epoch. */
  readonly views: readonly Uint8Array[];
}

type PreviewOptions = Omit<EpochOptions, 'order' | 'batchSize' | 'skip' | 'epoch'> & {
  readonly pictures: number;
  readonly views: number;
};

/** Pictures taken evenly from all there are, so that classes differ. Unreadable ones are left out. */
export async function previewPictures(
  loader: PictureLoader,
  { pictures, views, ...options }: PreviewOptions,
): Promise<readonly PreviewedPicture[]> {
  const { samples } = options;
  const count = Math.min(pictures, samples.length);
  const order = Array.from({ length: count }, (_, i) => Math.floor((i * samples.length) / count));
  const seen = new Map<number, Uint8Array[]>();
  for (let epoch = 0; epoch < views; epoch++) {
    for await (const batch of loader.batches({ ...options, order, batchSize: count, epoch })) {
      const bytes = batch.data.length / batch.count;
      batch.samples.forEach((i, at) => {
        seen.set(i, [...(seen.get(i) ?? []), batch.data.slice(at * bytes, (at + 1) * bytes)]);
      });
    }
  }
  return [...seen].map(([i, views]) => ({ sample: samples[i]!, views }));
}
