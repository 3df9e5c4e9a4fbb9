// stage-one.ts: what a run is made of, and its first stage: the frozen network's features of all pictures, and how the head is
// trained on them. Training and the search for a rate begin here.

import { hashModelFolder } from '../../artefact/model-folder.ts';
import type { FinetuneConfig } from '../../config/finetune-settings.ts';
import type { Sample } from '../../dataset/dataset.ts';
import type { PictureLoader } from '../../dataset/loader.ts';
import type { OnDivided, Predictor } from '../../engine/engine.ts';
import type { Loss, TrainableEngine } from '../../engine/training.ts';
import type { FeatureSet } from '../../train/head-stage.ts';
import type { HeadStage } from '../../train/two-stage.ts';
import { createRng } from '../../util/rng.ts';
import { placeOf, type OpenedNetwork } from '../network.ts';
import type { Work } from '../work.ts';
import type { DividedDataset } from './data.ts';
import { joined, middleFeatures, viewFeatures, type ComputedFeatures, type FeatureJob } from './features.ts';
import { untrainedModel, type NewNetwork } from './new-network.ts';
import { sidesOf } from '../../util/preprocessing.ts';

/** What a run is made of. */
export interface RunParts {
  readonly config: FinetuneConfig;
  readonly opened: OpenedNetwork;
  readonly divided: DividedDataset;
  readonly network: NewNetwork;
  /** On the clock of `performance.now()`. */
  readonly began: number;
}

/** What computes, and what opens the pictures. */
export interface RunTools {
  readonly engine: TrainableEngine;
  readonly loader: PictureLoader;
  readonly network: NewNetwork;
  readonly onDivided: OnDivided;
}

export interface SeenPictures {
  readonly train: FeatureSet;
  readonly val: FeatureSet;
  /** Files that cannot be read. */
  readonly failed: readonly string[];
}

/** The frozen network's features of all pictures: of their centre crops, and of as many augmented views as were asked for. */
export async function allFeatures(
  { config, opened, divided }: RunParts,
  tools: RunTools,
  work: Work,
): Promise<SeenPictures> {
  const { engine, loader, network } = tools;
  const { settings } = config;
  const { size } = opened.preprocessing;
  let loading: Promise<Predictor> | undefined;
  const quantization = await opened.quantization();
  const load = async () =>
    engine.load(
      { ...untrainedModel(network, await opened.readWeights(), opened), quantization },
      {
        outputs: [network.embedding],
        size: sidesOf(size),
        onDivided: tools.onDivided,
      },
    );
  const total = divided.val.length + divided.train.length * (1 + settings.head.views);
  let before = 0;
  const job: FeatureJob = {
    loader,
    contents: divided.contents,
    ...network,
    network: () => (loading ??= load()),
    key: {
      weights: await hashModelFolder(opened.folder),
      ...(opened.joined && {
        joined: { ...opened.joined.decides, weights: await hashModelFolder(opened.joined.folder) },
      }),
      // The layer's name alone does not say it: what pools and joins other layers has the same name for all of them.
      layer: network.embedding,
      head: { layers: settings.layers, pool: settings.pool, mirror: settings.mirror },
      preprocessing: opened.preprocessing,
      exif: !config.decode.ignoreExif,
      device: placeOf(engine, quantization && opened.model.int8?.file),
    },
    signal: work.signal,
    onProgress: (now) => {
      const done = before + now;
      work.progress({ task: 'features', done, total, text: `features: ${done} of ${total} pictures` });
    },
  };
  const counted = (features: ComputedFeatures, samples: readonly Sample[]) => {
    before += samples.length;
    return features;
  };
  try {
    const train = counted(await middleFeatures(divided.train, job, { once: true }), divided.train);
    // Each epoch of stage 2 is evaluated on these pictures.
    const once = settings.epochs === 0;
    const val = counted(await middleFeatures(divided.val, job, { once }), divided.val);
    const views = await viewFeatures(divided.train, job, settings);
    const failed = [...train.failed, ...val.failed];
    for (const { sample, error } of failed) work.note(`left out: ${sample.file}: ${error.message}`);
    return {
      train: views.length > 0 ? joined([train, ...views]) : train,
      val,
      failed: failed.map(({ sample }) => sample.file),
    };
  } finally {
    await (await loading?.catch(() => undefined))?.dispose();
  }
}

/** How the head is trained on these features. */
export function headStage(
  { train, val }: SeenPictures,
  { config: { settings } }: RunParts,
  tools: Pick<RunTools, 'engine' | 'network'>,
  loss: Loss,
  work: Work,
): HeadStage {
  return {
    settings: settings.head,
    job: {
      engine: tools.engine,
      train,
      val,
      ...tools.network,
      batchSize: settings.batchSize,
      // The head alone puts out logits.
      loss: loss.kind === 'bce' ? { kind: 'bce-logits' } : loss,
      rng: createRng(settings.seed),
      signal: work.signal,
      search: {
        progress: (done, total) =>
          work.progress({
            task: 'head',
            done,
            total,
            text: `head: penalty ${done + 1} of at most ${total}`,
          }),
        chosen: (c) => work.note(`head: C ${c} by cross-validation`),
      },
    },
  };
}
