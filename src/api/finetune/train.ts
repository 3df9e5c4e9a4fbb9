// train.ts: one run: the two stages and the results. Wires data, engine and folder to the loop in train/two-stage.

import path from 'node:path';
import { readModelFolder } from '../../artefact/model-folder.ts';
import type { Fingerprint } from '../../dataset/fingerprint.ts';
import type { EngineModel } from '../../engine/engine.ts';
import type { TrainableEngine } from '../../engine/training.ts';
import type { Checkpoint } from '../../run/checkpoint.ts';
import { writeJson, type RunPaths } from '../../run/run-folder.ts';
import { applyHead } from '../../train/head-stage.ts';
import { judge } from '../../evaluation/judgement.ts';
import type { StageTwoJob } from '../../train/stage-two.ts';
import { trainTwoStages } from '../../train/two-stage.ts';
import { makeFolder } from '../../util/files.ts';
import { createRng } from '../../util/rng.ts';
import { dividedNote, placeOf } from '../network.ts';
import type { Work } from '../work.ts';
import { openPictures, trainingData, withoutFailed } from './data.ts';
import { keeperOf } from './keeper.ts';
import { graphFor, savedModel, trainSpec, untrainedModel } from './new-network.ts';
import { writeResults, type FinishedRun } from './results.ts';
import { allFeatures, headStage, type RunParts, type RunTools } from './stage-one.ts';
import { sidesOf } from '../../util/preprocessing.ts';
import { shellWord } from '../../util/shell-word.ts';

/** A run whose folder exists. */
export interface BegunRun {
  readonly paths: RunPaths;
  readonly fingerprint: Fingerprint;
  /** For a resumed run: where it stopped, and the pictures that it could not read. */
  readonly former?: { readonly checkpoint: Checkpoint; readonly failed: readonly string[] };
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
    if (work.signal.aborted)
      work.note(`interrupted; go on with: finetune --resume ${shellWord(begun.paths.folder)}`);
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
  tools: RunTools,
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
  const model = {
    ...savedModel(path.basename(path.resolve(paths.folder)), opened, network, divided),
    foreign: untrained.foreign,
  };
  const keeper = keeperOf(work, {
    paths,
    model,
    multiLabel: network.multiLabel,
    epochs: settings.epochs,
    engine: placeOf(engine),
    seconds,
    onBest: () => (scores.best = scores.latest!),
  });
  const head = seen && headStage(seen, parts, tools, spec.loss, work);
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

/** Pictures in one run of the network during evaluation. */
const JUDGED_AT_A_TIME = 16;

/** Logits `[N, classes]` of the validation pictures. */
async function validationScores(
  model: EngineModel,
  { divided, opened }: Pick<RunParts, 'divided' | 'opened'>,
  { engine, loader, network, onDivided }: RunTools,
): Promise<Float32Array> {
  const { size } = opened.preprocessing;
  const { val } = divided;
  const scores = new Float32Array(val.length * network.classes);
  const predictor = await engine.load(model, { size: sidesOf(size), onDivided });
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
