// augment-preview.ts: the html page of the pictures as training will see them. Connects dataset and report.

import type { Dataset, Sample } from '../../dataset/dataset.ts';
import { openLoader, type LoaderOptions } from '../../dataset/loader.ts';
import type { MixSpec } from '../../dataset/prepare-batch.ts';
import { previewPictures, type PreviewedPicture } from '../../dataset/preview.ts';
import type { AugmentSpec } from '../../images/augment/augment.ts';
import { encodeThumbnail } from '../../images/decode.ts';
import { isolated } from '../../report/page.ts';
import { previewPage, type PreviewRow } from '../../report/preview.ts';
import type { Rng } from '../../util/rng.ts';
import { sidesOf } from '../../util/preprocessing.ts';

export interface AugmentPreview {
  readonly dataset: Dataset;
  /** The pictures that will be used for training. */
  readonly samples: readonly Sample[];
  readonly loader: LoaderOptions;
  readonly augment?: AugmentSpec;
  readonly mix?: MixSpec;
  readonly rng: Rng;
  /** Heading of the page, and what is done to the pictures in words. */
  readonly title: string;
  readonly about: string;
}

const PICTURES = 12;
const VIEWS = 11;

export async function augmentPreviewPage(preview: AugmentPreview): Promise<string> {
  const { dataset, samples, augment, mix, rng, title, about } = preview;
  const [height, width] = sidesOf(preview.loader.preprocessing.size);
  const loader = await openLoader({ ...preview.loader, workers: 1 });
  try {
    const { classes, multiLabel } = dataset;
    const common = { samples, classes: classes.length, multiLabel, rng, pictures: PICTURES };
    const plain = await previewPictures(loader, { ...common, views: 1 });
    const seen = await previewPictures(loader, {
      ...common,
      views: VIEWS,
      ...(augment && { augment }),
      ...(mix && { mix }),
    });
    const tile = async ({ pixels, shares }: PreviewedPicture['views'][number], line: string) => {
      const { jpeg, ...shown } = await encodeThumbnail(
        { data: pixels, width, height },
        Math.max(width, height),
      );
      const dataUri = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
      return {
        title: line,
        picture: { dataUri, ...shown },
        lines: [line, ...sharesText(shares, classes)],
      };
    };
    const rows: PreviewRow[] = [];
    for (const [i, { sample, views }] of seen.entries()) {
      const first = await tile(plain[i]!.views[0]!, 'as it is');
      const rest = await Promise.all(views.map((view, epoch) => tile(view, `epoch ${epoch + 1}`)));
      const names = sample.labels.map((label) => classes[label]!).join(', ');
      rows.push({ title: `${isolated(names)}: ${isolated(sample.file)}`, tiles: [first, ...rest] });
    }
    return previewPage(title, about, rows);
  } finally {
    await loader.dispose();
  }
}

/** The target of a mixed picture: one line for each class. */
function sharesText(shares: Float32Array | undefined, classes: readonly string[]): readonly string[] {
  if (!shares) return [];
  return [...shares.keys()]
    .filter((k) => shares[k]! >= 0.005)
    .sort((a, b) => shares[b]! - shares[a]!)
    .map((k) => `${(shares[k]! * 100).toFixed(0)} % ${isolated(classes[k]!)}`);
}
