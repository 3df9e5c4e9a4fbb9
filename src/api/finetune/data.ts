// data.ts: a dataset for training: scanned, divided, and turned into batches. Connects dataset/ to the interface of train/.

import path from 'node:path';
import { checkTrainable, invalid, type Dataset, type Sample } from '../../dataset/dataset.ts';
import { openContents, type Contents } from '../../dataset/contents.ts';
import { contentKeys, fingerprintOf, knownFiles, type Fingerprint } from '../../dataset/fingerprint.ts';
import { openLoader, type PictureLoader } from '../../dataset/loader.ts';
import { epochOrder } from '../../dataset/sampler.ts';
import { fetched } from '../../dataset/fetched.ts';
import { scanDataset } from '../../dataset/scan.ts';
import { stratifiedSplit } from '../../dataset/split.ts';
import type { FinetuneConfig, TrainSettings } from '../../config/finetune-settings.ts';
import { finchHome } from '../../store/home.ts';
import type { TrainingData } from '../../train/stage-two.ts';
import { createRng } from '../../util/rng.ts';
import { sidesOf, type Preprocessing } from '../../util/preprocessing.ts';
import { copyingPictures, throwIfAborted, type Work } from '../work.ts';

/** A dataset that is divided into a training part and a validation part. */
export interface DividedDataset {
  readonly dataset: Dataset;
  readonly contents: Contents;
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  /** How it was divided, for people. */
  readonly division: string;
}

/**
 * @param before of a resumed run: files that have not changed since then are not read again
 * @throws AppError DATASET_NOT_FOUND, DATASET_INVALID
 */
export async function divideDataset(
  config: FinetuneConfig,
  work: Work,
  before: Fingerprint = {},
): Promise<DividedDataset> {
  const scanned = await scanDataset(config.dataset, { ...config, signal: work.signal });
  for (const remark of scanned.remarks) work.note(remark);
  checkTrainable(scanned, config.dataset);
  const dataset = await copyingPictures(work, (options) => fetched(scanned, options));
  const contents = openContents(knownFiles(dataset, before));
  const { valSplit, seed } = config.settings;
  if (dataset.val) {
    return { dataset, contents, train: dataset.train, val: dataset.val, division: dataset.layout };
  }
  const all = dataset.train;
  const keys = await contentKeys(all, contents, (done, total) => {
    throwIfAborted(work);
    work.progress({ task: 'scan', done, total, text: `looking for copies: ${done} of ${total} pictures` });
  });
  const parts = stratifiedSplit({
    labels: all.map(({ labels }) => labels),
    keys,
    share: valSplit,
    rng: createRng(seed),
  });
  if (parts.val.length === 0) throw nothingToJudgeBy(config.dataset);
  return {
    dataset,
    contents,
    train: parts.train.map((i) => all[i]!),
    val: parts.val.map((i) => all[i]!),
    division: `${dataset.layout}, ${(valSplit * 100).toFixed(0)} % set aside`,
  };
}

/** What the dataset is now. @throws AppError INTERRUPTED */
export function fingerprintFor({ dataset, contents }: DividedDataset, work: Work): Promise<Fingerprint> {
  return fingerprintOf(dataset, contents, (done, total) => {
    throwIfAborted(work);
    work.progress({ task: 'scan', done, total, text: `reading: ${done} of ${total} pictures` });
  });
}

/** The same dataset without pictures that cannot be read. @throws AppError DATASET_INVALID when too little is left */
export function withoutFailed(
  divided: DividedDataset,
  failed: ReadonlySet<string>,
  root: string,
): DividedDataset {
  const keep = (samples: readonly Sample[]) => samples.filter(({ file }) => !failed.has(file));
  const [train, val] = [keep(divided.train), keep(divided.val)];
  checkTrainable({ ...divided.dataset, train }, root);
  if (val.length === 0) throw nothingToJudgeBy(root);
  return { ...divided, train, val };
}

function nothingToJudgeBy(root: string): Error {
  return invalid(root, 'has no picture to judge by', 'expected two or more in some class, or a val/ folder');
}

/** The limit, in bytes, of the small pictures kept on disk when a dataset does not fit into memory. */
const DISK_LIMIT = 16 * 1024 ** 3;

/** Bytes of pictures kept in memory, beside a training step that takes four times as much; the rest goes to disk. */
const MEMORY = 512 * 1024 ** 2;

export function openPictures(
  config: FinetuneConfig,
  preprocessing: Preprocessing,
  pictures: number,
): Promise<PictureLoader> {
  const [height, width] = sidesOf(preprocessing.size);
  // Two forms of about height x width x 3 bytes each.
  const isLarge = pictures * height * width * 3 * 2.5 > MEMORY;
  return openLoader({
    decode: config.decode,
    preprocessing,
    memory: MEMORY,
    ...(isLarge && { disk: { folder: path.join(finchHome(), 'pictures'), limit: DISK_LIMIT } }),
  });
}

/** What every epoch of stage 2 has, whatever its batches are made of. */
export interface Epochs extends Pick<TrainingData, 'classes' | 'multiLabel' | 'stepsPerEpoch'> {
  /** Numbers of the epoch's pictures, in their order: the same whenever that epoch is requested. */
  readonly order: (epoch: number) => Uint32Array;
}

/** @param steps of an epoch; as many as there are pictures for by default */
export function epochsOf(
  { dataset, train }: Pick<DividedDataset, 'dataset' | 'train'>,
  { batchSize, sampler, seed }: TrainSettings,
  steps = Infinity,
): Epochs {
  const classes = dataset.classes.length;
  const labels = train.map((sample) => sample.labels);
  // A last batch of one picture has no statistics, so the picture is left out of this epoch.
  const isOneLeft = train.length > batchSize && train.length % batchSize === 1;
  const used = Math.min(train.length - (isOneLeft ? 1 : 0), steps * batchSize);
  return {
    classes,
    multiLabel: dataset.multiLabel,
    stepsPerEpoch: Math.ceil(used / batchSize),
    order: (epoch) => epochOrder({ sampler, labels, classes, epoch, rng: createRng(seed) }).subarray(0, used),
  };
}

interface Source {
  /** Of the epoch's pictures. */
  readonly loaderFor: (epoch: number) => Promise<PictureLoader>;
  readonly divided: DividedDataset;
  readonly settings: TrainSettings;
  /** Of an epoch; as many as there are pictures for by default. */
  readonly steps?: number | undefined;
}

/** The batches of stage 2: each epoch has a new order and new views, which are the same whenever that epoch is requested. */
export function trainingData({ loaderFor, divided, settings, steps }: Source): TrainingData {
  const { batchSize, augment, mix, seed } = settings;
  const { order, ...shared } = epochsOf(divided, settings, steps);
  const { classes, multiLabel } = shared;
  return {
    ...shared,
    async *epoch(epoch, skip) {
      const loader = await loaderFor(epoch);
      yield* loader.batches({
        samples: divided.train,
        order: order(epoch),
        batchSize,
        skip,
        classes,
        multiLabel,
        ...(augment && { augment }),
        ...(mix && { mix }),
        epoch,
        rng: createRng(seed),
      });
    },
  };
}
