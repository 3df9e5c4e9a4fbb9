// features.ts: the frozen network's features of each picture, computed once: from the cache where it has them, else by
// the engine. This also finds the pictures that cannot be read.

import path from 'node:path';
import type { Contents } from '../../dataset/contents.ts';
import type { Sample } from '../../dataset/dataset.ts';
import type { FailedPicture, PictureLoader } from '../../dataset/loader.ts';
import type { Predictor } from '../../engine/engine.ts';
import type { TrainSettings } from '../../config/finetune-settings.ts';
import { finchHome } from '../../store/home.ts';
import { openFeatureCache } from '../../features/cache/feature-cache.ts';
import type { FeatureSet } from '../../train/head-stage.ts';
import { AppError } from '../../util/errors.ts';
import { packageVersion } from '../../util/package.ts';
import { createRng, type Rng } from '../../util/rng.ts';

export interface FeatureJob {
  readonly loader: PictureLoader;
  readonly contents: Contents;
  readonly classes: number;
  readonly multiLabel: boolean;
  /** In a row. */
  readonly numbers: number;
  /** Loads the network when the first picture needs it: its only output is the classifier's input. */
  readonly network: () => Promise<Predictor>;
  /** What decides a row besides the picture: weights, preprocessing, layer, device … */
  readonly key: object;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

export interface ComputedFeatures extends FeatureSet {
  readonly pictures: readonly number[];
  readonly failed: readonly FailedPicture[];
}

/** Pictures in one run of the frozen network. */
const BATCH = 16;

/**
 * Rows of the pictures' centre crops, in the order of `samples`, without the pictures that cannot be read.
 * @param once whether these centre crops are not needed again
 */
export async function middleFeatures(
  samples: readonly Sample[],
  job: FeatureJob,
  { once }: { readonly once: boolean },
): Promise<ComputedFeatures> {
  return featuresOf(samples, job, {}, once);
}

/** Rows of augmented views, all pictures `views` times. */
export async function viewFeatures(
  samples: readonly Sample[],
  job: FeatureJob,
  { augment, head, seed }: TrainSettings,
): Promise<readonly ComputedFeatures[]> {
  const views: ComputedFeatures[] = [];
  if (!augment) return views;
  for (let view = 0; view < head.views; view++) {
    views.push(await featuresOf(samples, job, { augment, view, seed }));
  }
  return views;
}

type View = Partial<Pick<TrainSettings, 'augment' | 'seed'>> & { readonly view?: number };

async function featuresOf(
  samples: readonly Sample[],
  job: FeatureJob,
  view: View,
  once = false,
): Promise<ComputedFeatures> {
  const { loader, contents, numbers, signal, onProgress } = job;
  const hashes = (await contents.files(samples)).map(({ sha256 }) => sha256);
  const cache = await openFeatureCache({
    folder: path.join(finchHome(), 'features'),
    numbers,
    key: { use: 'finetune', finch: packageVersion(), ...job.key, ...view },
  });
  const rows = samples.map((_, i) => (hashes[i] === undefined ? undefined : cache.get(hashes[i])?.row));
  const missing = [...samples.keys()].filter((i) => rows[i] === undefined);
  const failed: FailedPicture[] = [];
  let done = samples.length - missing.length;
  try {
    const rng: Rng = createRng(view.seed ?? 0).fork('views');
    const batches = loader.batches({
      samples,
      order: missing,
      batchSize: BATCH,
      classes: job.classes,
      multiLabel: job.multiLabel,
      once,
      ...(view.augment && { augment: view.augment }),
      epoch: view.view ?? 0,
      rng,
    });
    const run = async (batch: Parameters<Predictor['run']>[0]) => (await job.network()).run(batch);
    for await (const batch of batches) {
      if (signal.aborted) throw new AppError('INTERRUPTED', 'interrupted while features were computed');
      const [output] = await run(batch);
      batch.samples.forEach((sample, i) => {
        const row = output!.data.slice(i * numbers, (i + 1) * numbers);
        rows[sample] = row;
        const hash = hashes[sample];
        if (hash !== undefined) cache.put(hash, { width: 0, height: 0, row });
      });
      failed.push(...batch.failed);
      done += batch.count + batch.failed.length;
      onProgress(done);
    }
  } finally {
    await cache.close();
  }
  const lost = missing.filter((i) => rows[i] === undefined);
  const known = new Set(failed.map(({ sample }) => sample.file));
  // A batch in which no picture could be read is skipped without a message.
  const rest = lost.map((i) => samples[i]!).filter(({ file }) => !known.has(file));
  if (rest.length > 0) failed.push(...(await loader.survey(rest, 'square')));
  const kept = [...samples.keys()].filter((i) => rows[i] !== undefined);
  const all = new Float32Array(kept.length * numbers);
  kept.forEach((sample, i) => all.set(rows[sample]!, i * numbers));
  return { rows: all, labels: kept.map((i) => samples[i]!.labels), pictures: kept, failed };
}

/** Several sets as one. */
export function joined(sets: readonly ComputedFeatures[]): FeatureSet {
  const rows = new Float32Array(sets.reduce((sum, set) => sum + set.rows.length, 0));
  let at = 0;
  for (const set of sets) {
    rows.set(set.rows, at);
    at += set.rows.length;
  }
  return {
    rows,
    labels: sets.flatMap((set) => set.labels),
    pictures: sets.flatMap((set) => set.pictures),
  };
}
