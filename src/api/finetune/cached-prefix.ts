// cached-prefix.ts: stage 2 on what the layers that do not learn make of the pictures. They run once over a number of augmented
// views of each picture; what they give is kept in the run's folder, and only the rest of the network is run and trained.

import { rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Sample } from '../../dataset/dataset.ts';
import type { PictureLoader } from '../../dataset/loader.ts';
import type { EngineModel } from '../../engine/engine.ts';
import type { TrainSpec } from '../../engine/training.ts';
import { mapsBytes, openMaps, writeMaps, type Maps, type MapsShape } from '../../features/maps.ts';
import type { CutGraph } from '../../graph/cut.ts';
import type { Weights } from '../../graph/layers.ts';
import { ofMirrorImages } from '../../graph/mirrored.ts';
import { withInputSize } from '../../graph/new-head.ts';
import type { TrainSettings } from '../../config/finetune-settings.ts';
import type { TrainingData } from '../../train/stage-two.ts';
import { targetsOf } from '../../train/targets.ts';
import { AppError } from '../../util/errors.ts';
import { makeFolder } from '../../util/files.ts';
import { sidesOf, type PictureSize } from '../../util/preprocessing.ts';
import { formatGibibytes } from '../../util/progress.ts';
import { createRng } from '../../util/rng.ts';
import { elementCount } from '../../util/shape.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { epochsOf, type DividedDataset } from './data.ts';
import { cutForTraining, graphFor, learnerOf } from './new-network.ts';
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
  /** Of the pictures that are judged by. */
  readonly size: PictureSize;
  /** Opens pictures in the size that is learnt from. */
  readonly trainLoader: PictureLoader;
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

/** A file of maps, and the pictures that they are made of. */
interface Part {
  readonly file: string;
  readonly shape: MapsShape;
  readonly samples: readonly Sample[];
  /** Absent: the pictures as they are judged. */
  readonly view?: number;
}

/** Computes what is not there yet. @throws AppError WRITE_FAILED where the disk is too small, INTERRUPTED */
export async function cachePrefix(job: PrefixJob, tools: RunTools, work: Work): Promise<CachedPrefix> {
  const { folder, model, spec, settings, divided, size, trainLoader } = job;
  const { cachedViews: views, trainFrom } = settings;
  const { train, val } = divided;
  const { learner, graph } = tools.network;
  const [height, width] = sidesOf(size);
  const judging = cutForTraining(learner, trainFrom!, [height, width]);
  const learning = cutForTraining(learner, trainFrom!, spec.size!);
  const numbers = elementCount(learning.shape);
  const ofVal = (name: string): Part => ({
    file: path.join(folder, name),
    shape: { count: val.length, numbers: elementCount(judging.shape), dtype: 'float32' },
    samples: val,
  });
  const judged = ofVal('judged.f32');
  // A network that sees each picture and its mirror image judges by the mean of both.
  const mirrored = graph === learner ? undefined : ofVal('mirrored.f32');
  const mirroring =
    mirrored &&
    cutForTraining(ofMirrorImages(withInputSize(learner, [height, width]), width), trainFrom!, [
      height,
      width,
    ]);
  const learnt = Array.from({ length: views }, (_, view): Part => ({
    file: path.join(folder, `view-${view}.f16`),
    shape: { count: train.length, numbers, dtype: 'float16' },
    samples: train,
    view,
  })); // prettier-ignore
  await makeFolder(folder);
  const missing: Part[] = [];
  const parts = [judged, ...(mirrored ? [mirrored] : []), ...learnt];
  for (const part of parts) if (!(await isWhole(part))) missing.push(part);
  await checkRoom(folder, missing.reduce((sum, { shape }) => sum + mapsBytes(shape), 0)); // prettier-ignore
  const total = missing.reduce((sum, { samples }) => sum + samples.length, 0);
  let done = 0;
  const fill = (parts: readonly Part[], cut: CutGraph, loader: PictureLoader) =>
    computeMaps(parts, { job, cut, loader }, tools, (pictures) => {
      throwIfAborted(work);
      done += pictures;
      work.progress({ task: 'views', done, total, text: `views: ${done} of ${total}` });
    });
  await fill(missing.filter((part) => part === judged), judging, tools.loader); // prettier-ignore
  if (mirroring) await fill(missing.filter((part) => part === mirrored), mirroring, tools.loader); // prettier-ignore
  await fill(missing.filter(({ view }) => view !== undefined), learning, trainLoader); // prettier-ignore

  const opened = await Promise.all(parts.map(openedMaps));
  const [toJudge, toLearn] = [opened.slice(0, -views), opened.slice(-views)];
  const { size: _, ...withoutSize } = spec;
  return {
    model: { ...learnerOf(tools.network, model), graph: graphFor(spec.loss.kind, learning.back) },
    spec: withoutSize,
    data: (steps) => trainingMaps(toLearn, numbers, { divided, settings }, steps),
    scores: (weights) => meanScores({ ...model, graph: judging.back, weights }, toJudge, judged, tools),
    async close() {
      for (const maps of opened) await maps.close();
    },
  };
}

async function isWhole({ file, shape }: Part): Promise<boolean> {
  const maps = await openMaps(file, shape);
  await maps?.close();
  return maps !== undefined;
}

async function openedMaps({ file, shape }: Part): Promise<Maps> {
  const maps = await openMaps(file, shape);
  if (maps) return maps;
  throw new AppError('WRITE_FAILED', `${file} was removed while the run worked; go on with --resume`);
}

/** Runs the first part of the network over the pictures of each part, and keeps what it gives. */
async function computeMaps(
  parts: readonly Part[],
  { job, cut, loader }: { readonly job: PrefixJob; readonly cut: CutGraph; readonly loader: PictureLoader },
  { engine, network, onDivided }: RunTools,
  onDone: (pictures: number) => void,
): Promise<void> {
  const [first] = parts;
  if (!first) return;
  const { augment, seed } = job.settings;
  const size = first.view === undefined ? sidesOf(job.size) : job.spec.size!;
  const { numbers } = first.shape;
  const predictor = await engine.load({ ...job.model, graph: cut.front }, { outputs: [cut.border], size, onDivided }); // prettier-ignore
  try {
    for (const { file, shape, samples, view } of parts) {
      await writeMaps(file, shape, async (put) => {
        const batches = loader.batches({
          samples,
          order: samples.map((_, i) => i),
          batchSize: BATCH,
          classes: network.classes,
          multiLabel: network.multiLabel,
          once: view === undefined,
          ...(view !== undefined && augment && { augment }),
          epoch: view ?? 0,
          rng: createRng(seed).fork('cached views'),
        });
        for await (const batch of batches) {
          const [lost] = batch.failed;
          if (lost) throw lost.error;
          const [output] = await predictor.run(batch);
          for (const [i, sample] of batch.samples.entries()) {
            await put(sample, output!.data.subarray(i * numbers, (i + 1) * numbers));
          }
          onDone(batch.count);
        }
      });
    }
  } finally {
    await predictor.dispose();
  }
}

/** @throws AppError WRITE_FAILED, USAGE */
async function checkRoom(folder: string, bytes: number): Promise<void> {
  if (bytes > MAX_MAPS_BYTES) {
    throw new AppError(
      'USAGE',
      `--cached-views: the views would take ${formatGibibytes(bytes)}, at most ${formatGibibytes(MAX_MAPS_BYTES)} are kept; give fewer, or a later layer to --train-from`,
    );
  }
  const found = await statfs(folder).catch(() => undefined);
  if (!found || bytes === 0) return;
  const free = found.bavail * found.bsize * (1 - SPARE);
  if (bytes <= free) return;
  throw new AppError(
    'WRITE_FAILED',
    `${folder}: the views take ${formatGibibytes(bytes)}, and ${formatGibibytes(free)} are free; free some space, or give fewer to --cached-views`,
  );
}

/** An epoch's batches: as those of pictures, each picture in a view that changes from epoch to epoch. */
function trainingMaps(
  views: readonly Maps[],
  numbers: number,
  { divided, settings }: Pick<PrefixJob, 'divided' | 'settings'>,
  steps: number | undefined,
): TrainingData {
  const { batchSize } = settings;
  const { order, ...shared } = epochsOf(divided, settings, steps);
  return {
    ...shared,
    async *epoch(epoch, skip) {
      const pictures = order(epoch);
      for (let from = skip * batchSize; from < pictures.length; from += batchSize) {
        const chosen = [...pictures.subarray(from, from + batchSize)];
        const data = new Float32Array(chosen.length * numbers);
        for (const [i, sample] of chosen.entries()) {
          await views[(epoch + sample) % views.length]!.read(sample, data, i * numbers);
        }
        yield {
          data,
          count: chosen.length,
          targets: targetsOf(chosen.map((i) => divided.train[i]!.labels), shared), // prettier-ignore
        };
      }
    },
  };
}

/** By the mean of what is said of a picture's maps: the head is linear, so that it is what the head says of their mean. */
async function meanScores(
  model: EngineModel,
  seen: readonly Maps[],
  part: Part,
  tools: RunTools,
): Promise<Float32Array> {
  const each: Float32Array[] = [];
  for (const maps of seen) each.push(await scoresOfMaps(model, maps, part, tools));
  return each[0]!.map((_, i) => each.reduce((sum, scores) => sum + scores[i]!, 0) / each.length);
}

async function scoresOfMaps(
  model: EngineModel,
  maps: Maps,
  { shape: { count: total, numbers } }: Part,
  { engine, network: { classes } }: RunTools,
): Promise<Float32Array> {
  const scores = new Float32Array(total * classes);
  const predictor = await engine.load(model);
  try {
    for (let from = 0; from < total; from += BATCH) {
      const count = Math.min(BATCH, total - from);
      const data = new Float32Array(count * numbers);
      for (let i = 0; i < count; i++) await maps.read(from + i, data, i * numbers);
      const [output] = await predictor.run({ data, count });
      scores.set(output!.data.subarray(0, count * classes), from * classes);
    }
    return scores;
  } finally {
    await predictor.dispose();
  }
}
