// train.ts: one run: features, the two stages, the results. Wires data, engine and folder to the loop in train/two-stage.

import path from 'node:path';
import { hashModelFolder, readModelFolder } from '../../artefact/model-folder.ts';
import type { Fingerprint } from '../../dataset/fingerprint.ts';
import type { PictureLoader } from '../../dataset/loader.ts';
import type { Sample } from '../../dataset/dataset.ts';
import type { EngineModel, OnDivided, Predictor } from '../../engine/engine.ts';
import type { TrainableEngine } from '../../engine/training.ts';
import type { FinetuneConfig } from '../../config/finetune-settings.ts';
import type { Checkpoint } from '../../run/checkpoint.ts';
import { makeFolder, writeJson, type RunPaths } from '../../run/run-folder.ts';
import { applyHead, type FeatureSet } from '../../train/head-stage.ts';
import { judge } from '../../evaluation/judgement.ts';
import type { StageTwoJob } from '../../train/stage-two.ts';
import { trainTwoStages, type TwoStageJob } from '../../train/two-stage.ts';
import { createRng } from '../../util/rng.ts';
import { dividedNote, placeOf, type OpenedNetwork } from '../network.ts';
import type { Work } from '../work.ts';
import { openPictures, trainingData, withoutFailed, type DividedDataset } from './data.ts';
import { joined, middleFeatures, viewFeatures, type ComputedFeatures, type FeatureJob } from './features.ts';
import { keeperOf } from './keeper.ts';
import { graphFor, savedModel, trainSpec, untrainedModel, type NewNetwork } from './new-network.ts';
import { writeResults, type FinishedRun } from './results.ts';

/** A run whose folder exists. */
export interface BegunRun {
  readonly paths: RunPaths;
  readonly fingerprint: Fingerprint;
  /** For a resumed run: where it stopped, and the pictures that it could not read. */
  readonly former?: { readonly checkpoint: Checkpoint; readonly failed: readonly string[] };
}

/** What a run is made of. */
export interface RunParts {
  readonly config: FinetuneConfig;
  readonly opened: OpenedNetwork;
  readonly divided: DividedDataset;
  readonly network: NewNetwork;
}

interface Tools {
  readonly engine: TrainableEngine;
  readonly loader: PictureLoader;
  readonly network: NewNetwork;
  readonly onDivided: OnDivided;
}

/** @throws AppError INTERRUPTED after what can be saved is saved; for everything that can be missing or wrong */
export async function train(
  begun: BegunRun,
  parts: RunParts & { readonly engine: TrainableEngine },
  work: Work,
): Promise<FinishedRun> {
  const { config, opened, divided, network, engine } = parts;
  const pictures = divided.train.length + divided.val.length;
  const loader = await openPictures(config, opened.preprocessing, pictures);
  work.note(`${opened.model.name} on ${engine.description}; ${divided.train.length} pictures to learn from, ${divided.val.length} to judge by (${divided.division}), ${network.classes} classes`); // prettier-ignore
  noteOtherEngine(begun, engine, work);
  try {
    const onDivided = dividedNote(work, config.settings.batchNorm);
    return await runStages(begun, parts, { engine, loader, network, onDivided }, work);
  } catch (error) {
    if (work.signal.aborted) work.note(`interrupted; go on with: finetune --resume ${begun.paths.folder}`);
    throw error;
  } finally {
    await loader.dispose();
  }
}

/** Engines add numbers in different orders: the user should know this when comparing runs. */
function noteOtherEngine({ former }: BegunRun, engine: TrainableEngine, work: Work): void {
  const before = former?.checkpoint.engine;
  if (before === undefined || before === placeOf(engine)) return;
  work.note(`the run was on ${before} so far; weights and the optimizer's state go over to ${placeOf(engine)} as they are, last digits will differ from a run that stays`); // prettier-ignore
}

async function runStages(
  { paths, fingerprint, former }: BegunRun,
  parts: RunParts,
  tools: Tools,
  work: Work,
): Promise<FinishedRun> {
  const { config, opened } = parts;
  const { engine, loader, network } = tools;
  const { settings } = config;
  const started = performance.now();
  const seconds = () => (former?.checkpoint.seconds ?? 0) + (performance.now() - started) / 1000;

  const seen = former ? undefined : await allFeatures(parts, tools, work);
  const failed = former?.failed ?? seen!.failed;
  const divided = withoutFailed(parts.divided, new Set(failed), config.dataset);
  if (!former) {
    await makeFolder(paths.checkpoint);
    await writeJson(paths.dataset, { failed, fingerprint });
  }

  const spec = trainSpec(settings, divided, opened);
  const untrained = untrainedModel(network, await opened.readWeights(), opened);
  const truth = { labels: divided.val.map(({ labels }) => labels), ...network };
  // Scores of the validation pictures: by the latest weights, and by the best.
  const scores: { latest?: Float32Array; best?: Float32Array } = {};
  const score = (model: EngineModel) => validationScores(model, { divided, opened }, tools);
  const all: StageTwoJob = {
    engine,
    model: { ...untrained, graph: graphFor(spec.loss.kind, network.graph) },
    spec,
    ...(config.mayDivide && { onDivided: tools.onDivided }),
    schedule: settings.schedule,
    epochs: settings.epochs,
    ...(settings.ema > 0 && { ema: settings.ema }),
    ...(settings.patience !== undefined && { patience: settings.patience }),
    data: trainingData({ loader, divided, settings, rng: createRng(settings.seed) }),
    judge: async (weights) => judge((scores.latest = await score({ ...untrained, weights })), truth),
    signal: work.signal,
    checkpointEvery: config.checkpointMinutes * 60_000,
  };
  const model = savedModel(path.basename(path.resolve(paths.folder)), opened, network, divided);
  const keeper = keeperOf(work, {
    paths,
    model,
    multiLabel: network.multiLabel,
    epochs: settings.epochs,
    engine: placeOf(engine),
    seconds,
    onBest: () => (scores.best = scores.latest!),
  });
  const head = seen && headStage(seen, parts, { ...tools, loss: spec.loss, signal: work.signal });
  const result = await trainTwoStages(
    { classifier: network.classifier, all, ...(head && { head }) },
    {
      ...keeper,
      async onHead(head, weights, progress) {
        scores.latest = applyHead(head, seen!.val);
        await keeper.onHead(head, weights, progress);
      },
    },
    former?.checkpoint,
  );
  // A resumed run that found nothing better has no scores of its best weights yet: the weights are in best/.
  const best =
    scores.best ?? (await score({ ...untrained, weights: (await readModelFolder(paths.best)).weights }));
  return writeResults(
    { paths, config, divided, model: { ...model, graph: network.graph }, result, scores: best, failed, seconds: seconds(), device: engine.description },
    work,
  ); // prettier-ignore
}

interface SeenPictures {
  readonly train: FeatureSet;
  readonly val: FeatureSet;
  /** Files that cannot be read. */
  readonly failed: readonly string[];
}

/** The frozen network's features of all pictures: of their centre crops, and of as many augmented views as were asked for. */
async function allFeatures(
  { config, opened, divided }: RunParts,
  tools: Tools,
  work: Work,
): Promise<SeenPictures> {
  const { engine, loader, network } = tools;
  const { settings } = config;
  const { mean, std, size } = opened.preprocessing;
  let loading: Promise<Predictor> | undefined;
  const load = async () =>
    engine.load(
      { graph: opened.model.graph, weights: await opened.readWeights(), mean, std },
      { outputs: [network.embedding], size: [size, size], onDivided: tools.onDivided },
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
      layer: network.embedding,
      preprocessing: opened.preprocessing,
      exif: !config.decode.ignoreExif,
      device: placeOf(engine),
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

function headStage(
  { train, val }: SeenPictures,
  { config: { settings } }: RunParts,
  {
    engine,
    network,
    loss,
    signal,
  }: Tools & Pick<StageTwoJob['spec'], 'loss'> & { readonly signal: AbortSignal },
): NonNullable<TwoStageJob['head']> {
  return {
    settings: settings.head,
    job: {
      engine,
      train,
      val,
      ...network,
      batchSize: settings.batchSize,
      // The head alone puts out logits.
      loss: loss.kind === 'bce' ? { kind: 'bce-logits' } : loss,
      rng: createRng(settings.seed),
      signal,
    },
  };
}

/** Pictures in one run of the network during evaluation. */
const JUDGED_AT_A_TIME = 16;

/** Logits `[N, classes]` of the validation pictures. */
async function validationScores(
  model: EngineModel,
  { divided, opened }: Pick<RunParts, 'divided' | 'opened'>,
  { engine, loader, network, onDivided }: Tools,
): Promise<Float32Array> {
  const { size } = opened.preprocessing;
  const { val } = divided;
  const scores = new Float32Array(val.length * network.classes);
  const predictor = await engine.load(model, { size: [size, size], onDivided });
  try {
    const batches = loader.batches({
      samples: val,
      order: val.map((_, i) => i),
      batchSize: JUDGED_AT_A_TIME,
      classes: network.classes,
      multiLabel: network.multiLabel,
      epoch: 0,
      rng: createRng(0),
    });
    for await (const batch of batches) {
      const [output] = await predictor.run(batch);
      batch.samples.forEach((sample, i) => {
        const row = output!.data.subarray(i * network.classes, (i + 1) * network.classes);
        scores.set(row, sample * network.classes);
      });
    }
    return scores;
  } finally {
    await predictor.dispose();
  }
}
