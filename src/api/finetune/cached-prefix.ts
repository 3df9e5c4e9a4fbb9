// cached-prefix.ts: stage 2 on what the layers that do not learn make of the pictures. They run once over a number of augmented
// views of each picture; what they give is kept in the run's folder, and only the rest of the network is run and trained.

import { mkdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Sample } from '../../dataset/dataset.ts';
import { epochOrder } from '../../dataset/sampler.ts';
import type { EngineModel } from '../../engine/engine.ts';
import type { TrainSpec } from '../../engine/training.ts';
import { mapsBytes, openMaps, writeMaps, type Maps, type MapsShape } from '../../features/maps.ts';
import type { Weights } from '../../graph/layers.ts';
import type { TrainSettings } from '../../config/finetune-settings.ts';
import type { TrainingData } from '../../train/stage-two.ts';
import { targetsOf } from '../../train/targets.ts';
import { AppError } from '../../util/errors.ts';
import { writeFailed } from '../../util/files.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { createRng } from '../../util/rng.ts';
import { elementCount } from '../../util/shape.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { epochSize, type DividedDataset } from './data.ts';
import { cutForTraining, graphFor } from './new-network.ts';
import type { RunTools } from './stage-one.ts';

/** A run keeps at most so many bytes of maps. */
export const MAX_MAPS_BYTES = 8 * 1024 ** 3;

/** Of the disk's free bytes, the share that stays free. */
const SPARE = 0.1;

/** Pictures in one run of the first part. */
const BATCH = 16;

export interface PrefixJob {
  /** Inside the run's folder. */
  readonly folder: string;
  /** The whole network, whose output is logits, and how it is trained. */
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  readonly settings: TrainSettings;
  /** Without the pictures that cannot be read. */
  readonly divided: DividedDataset;
  readonly size: number | readonly [number, number];
}

/** Stage 2 in terms of the kept maps. */
export interface CachedPrefix {
  readonly model: EngineModel;
  readonly spec: TrainSpec;
  /** @param steps of an epoch; as many as there are pictures for by default */
  data(steps?: number): TrainingData;
  /** Logits `[N, classes]` of the validation pictures by these weights of the whole network. */
  scores(weights: Weights): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Removes what was kept. Never throws. */
export async function removeMaps(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}

/** Computes what is not there yet. @throws AppError WRITE_FAILED where the disk is too small, INTERRUPTED */
export async function cachePrefix(job: PrefixJob, tools: RunTools, work: Work): Promise<CachedPrefix> {
  const { folder, model, spec, settings, divided, size } = job;
  const { engine, network } = tools;
  const { cachedViews: views, trainFrom, augment, seed } = settings;
  const cut = cutForTraining(model.graph, trainFrom!, sidesOf(size));
  const numbers = elementCount(cut.shape);
  const { train, val } = divided;
  const ofTrain: MapsShape = { count: train.length, numbers, dtype: 'float16' };
  const ofVal: MapsShape = { count: val.length, numbers, dtype: 'float32' };
  const parts = [
    { file: path.join(folder, 'judged.f32'), shape: ofVal, samples: val },
    ...Array.from({ length: views }, (_, view) => ({
      file: path.join(folder, `view-${view}.f16`),
      shape: ofTrain,
      samples: train,
      view,
    })),
  ];
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw writeFailed(folder, error);
  });
  const opened: (Maps | undefined)[] = [];
  for (const { file, shape } of parts) opened.push(await openMaps(file, shape));
  const missing = parts.filter((_, i) => !opened[i]);
  await checkRoom(folder, missing.reduce((sum, { shape }) => sum + mapsBytes(shape), 0)); // prettier-ignore
  if (missing.length > 0) {
    const total = missing.reduce((sum, { samples }) => sum + samples.length, 0);
    let done = 0;
    const predictor = await engine.load(
      { ...model, graph: cut.front },
      { outputs: [cut.border], size: sidesOf(size), onDivided: tools.onDivided },
    );
    try {
      for (const { file, shape, samples, ...view } of missing) {
        await writeMaps(file, shape, async (put) => {
          const isView = 'view' in view && augment !== undefined;
          const batches = tools.loader.batches({
            samples,
            order: samples.map((_, i) => i),
            batchSize: BATCH,
            classes: network.classes,
            multiLabel: network.multiLabel,
            epoch: 'view' in view ? view.view : 0,
            rng: createRng(seed).fork('cached views'),
            ...(isView && { augment }),
          });
          for await (const batch of batches) {
            throwIfAborted(work);
            const lost = batch.failed[0];
            if (lost) throw lost.error;
            const [output] = await predictor.run(batch);
            for (const [i, sample] of batch.samples.entries()) {
              await put(sample, output!.data.subarray(i * numbers, (i + 1) * numbers));
            }
            done += batch.count;
            work.progress({ task: 'views', done, total, text: `views: ${done} of ${total}` });
          }
        });
      }
    } finally {
      await predictor.dispose();
    }
    for (const [i, { file, shape }] of parts.entries()) opened[i] ??= await openMaps(file, shape);
  }
  const [judged, ...maps] = opened.map((found, i) => {
    if (found) return found;
    throw new AppError('WRITE_FAILED', `${parts[i]!.file} was removed while the run worked; start it again`);
  }) as [Maps, ...Maps[]];
  const { size: _, ...withoutSize } = spec;
  const back: EngineModel = { ...model, graph: cut.back };
  return {
    model: { ...back, graph: graphFor(spec.loss.kind, cut.back) },
    spec: withoutSize,
    data: (steps) => trainingMaps(maps, numbers, { divided, settings }, steps),
    scores: (weights) => scoresOfMaps({ ...back, weights }, { judged, numbers, samples: val }, tools),
    async close() {
      for (const one of [judged, ...maps]) await one.close();
    },
  };
}

/** @throws AppError WRITE_FAILED, USAGE */
async function checkRoom(folder: string, bytes: number): Promise<void> {
  const inGigabytes = (value: number) => `${(value / 1024 ** 3).toFixed(1)} GiB`;
  if (bytes > MAX_MAPS_BYTES) {
    throw new AppError(
      'USAGE',
      `--cached-views: the views would take ${inGigabytes(bytes)}, at most ${inGigabytes(MAX_MAPS_BYTES)} are kept; give fewer, or a later layer to --train-from`,
    );
  }
  const found = await statfs(folder).catch(() => undefined);
  if (!found || bytes === 0) return;
  const free = found.bavail * found.bsize * (1 - SPARE);
  if (bytes <= free) return;
  throw new AppError(
    'WRITE_FAILED',
    `${folder}: the views take ${inGigabytes(bytes)}, and ${inGigabytes(free)} are free; free some space, or give fewer to --cached-views`,
  );
}

/** An epoch's batches: as those of pictures, each picture in a view that changes from epoch to epoch. */
function trainingMaps(
  views: readonly Maps[],
  numbers: number,
  { divided, settings }: Pick<PrefixJob, 'divided' | 'settings'>,
  steps: number | undefined,
): TrainingData {
  const { dataset, train } = divided;
  const { batchSize, sampler, seed } = settings;
  const { multiLabel } = dataset;
  const classes = dataset.classes.length;
  const labels = train.map((sample) => sample.labels);
  const { used, stepsPerEpoch } = epochSize(train.length, batchSize, steps);
  return {
    classes,
    multiLabel,
    stepsPerEpoch,
    async *epoch(epoch, skip) {
      const order = epochOrder({ sampler, labels, classes, epoch, rng: createRng(seed) }).subarray(0, used);
      for (let from = skip * batchSize; from < order.length; from += batchSize) {
        const chosen = [...order.subarray(from, from + batchSize)];
        const data = new Float32Array(chosen.length * numbers);
        for (const [i, sample] of chosen.entries()) {
          await views[(epoch + sample) % views.length]!.read(sample, data, i * numbers);
        }
        yield {
          data,
          count: chosen.length,
          targets: targetsOf(chosen.map((i) => labels[i]!), { classes, multiLabel }), // prettier-ignore
        };
      }
    },
  };
}

async function scoresOfMaps(
  model: EngineModel,
  {
    judged,
    numbers,
    samples,
  }: { readonly judged: Maps; readonly numbers: number; readonly samples: readonly Sample[] },
  { engine, network: { classes } }: RunTools,
): Promise<Float32Array> {
  const scores = new Float32Array(samples.length * classes);
  const predictor = await engine.load(model);
  try {
    for (let from = 0; from < samples.length; from += BATCH) {
      const count = Math.min(BATCH, samples.length - from);
      const data = new Float32Array(count * numbers);
      for (let i = 0; i < count; i++) await judged.read(from + i, data, i * numbers);
      const [output] = await predictor.run({ data, count });
      scores.set(output!.data.subarray(0, count * classes), from * classes);
    }
    return scores;
  } finally {
    await predictor.dispose();
  }
}
