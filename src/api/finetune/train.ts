// train.ts: one run: the two stages and the results. Wires data, engine and folder to the loop in train/two-stage.

import path from 'node:path';
import { withTemperature } from '../../graph/new-head.ts';
import { readModelFolder } from '../../artefact/model-folder.ts';
import type { Fingerprint } from '../../dataset/fingerprint.ts';
import type { TrainableEngine } from '../../engine/training.ts';
import type { Checkpoint } from '../../run/checkpoint.ts';
import { writeJson, type RunPaths } from '../../run/run-folder.ts';
import { openEventFile } from '../../run/tensorboard.ts';
import { applyHead } from '../../train/head-stage.ts';
import type { EpochRow, RunProgress } from '../../train/stage-two.ts';
import { measuredTemperature } from '../../train/temperature.ts';
import { trainTwoStages } from '../../train/two-stage.ts';
import { makeFolder } from '../../util/files.ts';
import { dividedNote, placeOf } from '../network.ts';
import type { Work } from '../work.ts';
import { openPictures, withoutFailed, type DividedDataset } from './data.ts';
import { keeperOf } from './keeper.ts';
import { keepNovelty } from './keep-novelty.ts';
import { savedModel, trainSpec, untrainedModel, type NewNetwork } from './new-network.ts';
import { secondStage } from './second-stage.ts';
import { writeResults, type FinishedRun } from './results.ts';
import { allFeatures, headStage, type RunParts, type RunTools } from './stage-one.ts';
import { shellWord } from '../../util/shell-word.ts';

/** A run whose folder exists. */
export interface BegunRun {
  readonly paths: RunPaths;
  readonly fingerprint: Fingerprint;
  /** Epochs of stage 2 after which it went on with more of them, having been finished. */
  readonly continuedAfter: readonly number[];
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
  { paths, fingerprint, continuedAfter, former }: BegunRun,
  parts: RunParts,
  tools: RunTools,
  work: Work,
): Promise<FinishedRun> {
  const { config, opened } = parts;
  const { engine, network } = tools;
  const seconds = () => (former?.checkpoint.seconds ?? 0) + (performance.now() - parts.began) / 1000;

  const seen = former ? undefined : await allFeatures(parts, tools, work);
  const failed = former?.failed ?? seen!.failed;
  const divided = withoutFailed(parts.divided, new Set(failed), config.dataset);
  if (!former) {
    await makeFolder(paths.checkpoint);
    await writeJson(paths.dataset, { failed, fingerprint });
  }

  const spec = trainSpec(config.settings, divided, opened);
  const untrained = untrainedModel(network, await opened.readWeights(), opened);
  // Scores of the validation pictures: by the latest weights, and by the best.
  const scores: { latest?: Float32Array; best?: Float32Array | undefined } = {
    best: keptScores(former?.checkpoint, divided, network),
  };
  let secondsToBest = former?.checkpoint.secondsToBest ?? 0;
  const second = secondStage(
    { paths, config, opened, divided, model: untrained, spec, begin: continuedAfter.at(-1) ?? 0, seconds, onScores: (found) => (scores.latest = found) },
    tools,
    work,
  ); // prettier-ignore
  const model = {
    ...savedModel(path.basename(path.resolve(paths.folder)), opened, network, divided),
    foreign: untrained.foreign,
  };
  const keeper = keeperOf(work, {
    paths,
    model,
    multiLabel: network.multiLabel,
    engine: placeOf(engine),
    seconds,
    secondsToBest: () => secondsToBest,
    bestScores: () => scores.best,
    onBest(weights) {
      secondsToBest = seconds();
      const temperature = temperatureOf(scores.latest!, divided, network);
      scores.best = scores.latest!.map((logit) => logit / temperature);
      return temperature === 1 ? weights : withTemperature(weights, network.classifier, temperature);
    },
  });
  const head = seen && headStage(seen, parts, tools, spec.loss, work);
  const events = config.tensorboard ? await openEventFile(paths.folder) : undefined;
  const result = await trainTwoStages(
    {
      classifier: network.classifier,
      weights: untrained.weights,
      all: (weights) => second.job(weights),
      ...(head && { head }),
    },
    {
      ...keeper,
      async onHead(head, weights, progress) {
        scores.latest = applyHead(head, seen!.val);
        await keeper.onHead(head, weights, progress);
        await events?.scalars(0, scalarsOf(progress.best));
      },
      async onEpoch(row, weights, progress) {
        await keeper.onEpoch(row, weights, progress);
        await events?.scalars(row.epoch, scalarsOf(row));
      },
    },
    former?.checkpoint,
  ).finally(() => second.close());
  // A run from before scores were kept has its best weights alone.
  const best = scores.best ?? (await second.scores((await readModelFolder(paths.best)).weights));
  const unknown = await keepNovelty(
    { paths, parts: { ...parts, divided }, best: result.progress.best, seen },
    tools,
    work,
  );
  const finished = await writeResults(
    { paths, config, continuedAfter, divided, model: { ...model, graph: network.graph }, result, scores: best, unknown, failed, seconds: seconds(), secondsToBest, plan: second.plan(), device: engine.description, events },
    work,
  ); // prettier-ignore
  await events?.close();
  await second.tidy();
  return finished;
}

/** Of the best weights of a run that goes on; undefined where they are not of these pictures. */
function keptScores(
  checkpoint: Checkpoint | undefined,
  { val }: DividedDataset,
  { classes }: NewNetwork,
): Float32Array | undefined {
  const scores = checkpoint?.bestScores;
  return scores?.length === val.length * classes ? scores : undefined;
}

/** What the logits are divided by; several labels a picture have no temperature. @param scores logits `[N, classes]` of the validation pictures */
function temperatureOf(
  scores: Float32Array,
  { val }: DividedDataset,
  { classes, multiLabel }: NewNetwork,
): number {
  if (multiLabel) return 1;
  return measuredTemperature({ logits: scores, classes, truth: val.map(({ labels }) => labels[0]!) });
}

/** By the names that TensorBoard groups. */
function scalarsOf(
  row: RunProgress['best'] & Partial<EpochRow>,
): Readonly<Record<string, number | undefined>> {
  return {
    'loss/train': row.trainLoss,
    'loss/validation': row.loss,
    'accuracy/train': row.trainAccuracy,
    [row.top1 === undefined ? 'mean average precision/validation' : 'accuracy/validation']: row.score,
    'top-5/validation': row.top5,
    'learning rate': row.rate,
  };
}
