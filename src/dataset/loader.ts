// loader.ts: labelled pictures -> batches, prepared ahead in worker threads. Pictures are decoded once and augmented anew each
// epoch. The batches depend only on the seed, not on the number of workers or on what is in memory.

import type { AugmentSpec } from '../images/augment/augment.ts';
import type { DecodeOptions } from '../images/decode.ts';
import { AppError } from '../util/errors.ts';
import { threadsOfLimit } from '../util/memory-limit.ts';
import { sidesOf, type Preprocessing } from '../util/preprocessing.ts';
import type { Rng } from '../util/rng.ts';
import { mapOrdered } from '../util/streams.ts';
import { WorkerPool } from '../util/worker-pool.ts';
import type { Sample } from './dataset.ts';
import { makeRoom } from './disk-cache.ts';
import { pictureCache } from './picture-cache.ts';
import type { BatchReply, BatchRequest, BatchTargets, MixSpec } from './prepare-batch.ts';
import type { Form, SmallPictureOptions } from './small-picture.ts';

/** Enough for 2,700 photos or 87,000 pictures of 64x64. */
const DEFAULT_MEMORY = 1024 ** 3;

/** How many pictures a worker loads for one request when they are only loaded. */
const LOADED_AT_A_TIME = 16;

export interface LoaderOptions {
  readonly decode: DecodeOptions;
  readonly preprocessing: Preprocessing;
  /** Threads; by default as many as there are cores and as a container's limit of memory leaves room for. */
  readonly workers?: number;
  /** The most bytes of decoded pictures that are held in memory. */
  readonly memory?: number;
  /** Keeps small pictures that memory no longer holds, or that another run decoded. */
  readonly disk?: { readonly folder: string; readonly limit: number };
}

export interface EpochOptions {
  readonly samples: readonly Sample[];
  /** Numbers of samples, in the order in which they come. */
  readonly order: ArrayLike<number>;
  readonly batchSize: number;
  /** Batches that an interrupted epoch has already had. */
  readonly skip?: number;
  readonly classes: number;
  readonly multiLabel: boolean;
  /** These pictures are not needed again in this form, so neither memory nor disk keeps them. */
  readonly once?: boolean;
  /** When absent, the pictures are prepared as for classification. */
  readonly augment?: AugmentSpec;
  readonly mix?: MixSpec;
  readonly epoch: number;
  /** The run's own Rng; it is only forked. */
  readonly rng: Rng;
}

export interface LoadedBatch {
  /** `[N, size, size, 3]` uint8 */
  readonly data: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly targets: BatchTargets;
  /** Numbers of the samples in it. */
  readonly samples: readonly number[];
  /** Pictures that could not be read; the batch does not contain them. */
  readonly failed: readonly FailedPicture[];
}

export interface FailedPicture {
  readonly sample: Sample;
  readonly error: AppError;
}

export interface PictureLoader {
  /** Decodes every picture once. @returns the pictures that cannot be read, which are to be left out */
  survey(
    samples: readonly Sample[],
    form: Form,
    onProgress?: (done: number) => void,
  ): Promise<readonly FailedPicture[]>;
  /** The epoch's batches; a batch without any readable picture is skipped. */
  batches(options: EpochOptions): AsyncGenerator<LoadedBatch, void, undefined>;
  /** Bytes of pictures in memory. */
  readonly held: number;
  dispose(): Promise<void>;
}

/** Starts the workers, which run until `dispose`. */
export async function openLoader(options: LoaderOptions): Promise<PictureLoader> {
  const { decode, preprocessing, disk, workers = threadsOfLimit(), memory = DEFAULT_MEMORY } = options;
  const budget = disk && (await makeRoom(disk.folder, disk.limit)) / workers;
  const cache = pictureCache(memory);
  const pool = new WorkerPool<BatchRequest, BatchReply>({
    script: new URL('./batch-worker.js', import.meta.url),
    size: workers,
    workerData: {
      decode,
      preprocessing,
      ...(disk && { disk: { folder: disk.folder, budget: budget! } }),
    } satisfies SmallPictureOptions,
  });
  const [height, width] = sidesOf(preprocessing.size);

  const ask = async (samples: readonly Sample[], rest: Omit<BatchRequest, 'pictures'>) => {
    const keys = samples.map(({ path }) => `${rest.form} ${path}`);
    const pictures = samples.map(({ path, labels, stored }, i) => {
      const small = cache.get(keys[i]!);
      return { path, labels, ...(stored && { stored }), ...(small && { small }) };
    });
    const reply = await pool.ask({ pictures, ...rest });
    for (const { place, small } of reply.loaded) cache.set(keys[place]!, small);
    const failed = reply.failed.map(({ place, code, message }): FailedPicture => ({
      sample: samples[place]!,
      error: new AppError(code, message),
    }));
    return { ...reply, failed, lost: new Set(reply.failed.map(({ place }) => place)) };
  };

  return {
    async survey(samples, form, onProgress) {
      const failed: FailedPicture[] = [];
      let done = 0;
      const groups = slices(samples, LOADED_AT_A_TIME);
      for await (const reply of mapOrdered(groups, 2 * workers, (group) => ask(group, { form }))) {
        failed.push(...reply.failed);
        done = Math.min(samples.length, done + LOADED_AT_A_TIME);
        onProgress?.(done);
      }
      return failed;
    },
    async *batches(options) {
      const { samples, order, batchSize, skip = 0, classes, multiLabel, augment, mix, epoch, rng } = options;
      const { once = false } = options;
      const stream = rng.fork('augment', epoch).state();
      const view = { classes, multiLabel, stream, ...(augment && { augment }), ...(mix && { mix }) };
      const prepare = async ({ items, position }: { items: readonly number[]; position: number }) => {
        const chosen = items.map((i) => samples[i]!);
        const form = augment ? 'whole' : 'square';
        const { data, targets, failed, lost } = await ask(chosen, {
          form,
          once,
          view: { ...view, position },
        });
        const kept = items.filter((_, place) => !lost.has(place));
        return { data, count: kept.length, height, width, targets, samples: kept, failed };
      };
      for await (const batch of mapOrdered(positions(order, batchSize, skip), workers + 1, prepare)) {
        if (batch.count > 0) yield batch;
      }
    },
    get held() {
      return cache.bytes;
    },
    dispose: () => pool.dispose(),
  };
}

async function* slices<T>(items: readonly T[], size: number): AsyncGenerator<readonly T[], void, undefined> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

async function* positions(order: ArrayLike<number>, size: number, skip: number) {
  const all = Array.from(order);
  for (let position = skip * size; position < all.length; position += size) {
    yield { items: all.slice(position, position + size), position };
  }
}
