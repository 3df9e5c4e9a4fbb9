// learning-curve.ts: would more pictures help? Heads are trained on growing parts of the training set, on features that are computed once, and
// judged by the same pictures.

import type { FinetuneConfig, GivenFinetuneFlags } from '../config/finetune-settings.ts';
import { DEFAULT_MODEL } from '../config/default-model.ts';
import { finetuneConfig } from '../config/finetune.ts';
import { datasetName } from '../dataset/scan.ts';
import { selectEngine } from '../engine/select.ts';
import { expectedMistakes, mean, nestedParts } from '../evaluation/learning-curve.ts';
import { wilson } from '../evaluation/metrics.ts';
import type { LearningCurve, LearningPoint } from '../report/learning-curve.ts';
import { someOf, trainHeadToConvergence, type HeadJob } from '../train/head-stage.ts';
import { AppError } from '../util/errors.ts';
import { createRng } from '../util/rng.ts';
import { dividedNote, openNetwork } from './network.ts';
import { divideDataset, openPictures, withoutFailed } from './finetune/data.ts';
import { refuseUnusedSplit } from './finetune/chosen-run.ts';
import { newNetwork, trainSpec } from './finetune/new-network.ts';
import { allFeatures, headStage } from './finetune/stage-one.ts';
import { throwIfAborted, type Work } from './work.ts';

/** Orders of the pictures in which parts are taken; the whole is the same in each. */
const ORDERS = 3;

/** @param flags of a run of finetune, as given. @throws AppError as a run does */
export async function learningCurve(
  dataset: string,
  flags: GivenFinetuneFlags,
  work: Work,
): Promise<LearningCurve> {
  const began = performance.now();
  const config = finetuneConfig(dataset, { ...flags, model: flags.model ?? DEFAULT_MODEL, epochs: '0' });
  const opened = await openNetwork(config, work);
  const divided = await divideDataset(config, work);
  refuseUnusedSplit(flags, divided.dataset, dataset);
  const network = newNetwork(opened, divided, config.settings);
  const engine = await selectEngine(config);
  const pictures = divided.train.length + divided.val.length;
  const loader = await openPictures(config, opened.preprocessing, pictures);
  try {
    const tools = { engine, loader, network, onDivided: dividedNote(work, config.settings.batchNorm) };
    const parts = { config, opened, divided, network, began };
    const seen = await allFeatures(parts, tools, work);
    const whole = withoutFailed(divided, new Set(seen.failed), dataset);
    const { loss } = trainSpec(config.settings, whole, opened);
    const { job: stage, settings: head } = headStage(seen, parts, tools, loss, work);
    const job = { ...stage, epochs: head.epochs, rate: head.rate };
    const points = await measuredPoints(job, config, work);
    return {
      dataset: datasetName(dataset),
      model: opened.model.name,
      device: engine.description,
      division: divided.division,
      classes: network.classes,
      judged: whole.val.length,
      kind: network.multiLabel ? 'multi' : 'single',
      points,
      ...projectionOf(points),
    };
  } finally {
    await loader.dispose();
  }
}

async function measuredPoints(
  job: HeadJob,
  { settings }: FinetuneConfig,
  work: Work,
): Promise<readonly LearningPoint[]> {
  const { train, val } = job;
  const orders = Array.from({ length: ORDERS }, (_, order) =>
    nestedParts(train.labels, createRng(settings.seed).fork('learning-curve', order)),
  );
  const [first = []] = orders;
  if (first.length < 2) {
    throw new AppError('DATASET_INVALID', `${train.labels.length} pictures to learn from are too few for a curve; expected two or more in some class`); // prettier-ignore
  }
  const total = (first.length - 1) * ORDERS + 1;
  let done = 0;
  const points: LearningPoint[] = [];
  for (const [i, { rows }] of first.entries()) {
    const isWhole = i === first.length - 1;
    const scores: number[] = [];
    const losses: number[] = [];
    for (const parts of isWhole ? orders.slice(0, 1) : orders) {
      throwIfAborted(work);
      work.progress({ task: 'head', done, total, text: `learning curve: head ${done + 1} of ${total}` });
      const { judgement } = await trainHeadToConvergence(
        { ...job, train: someOf(train, job.numbers, parts[i]!.rows) },
        settings.head.c,
      );
      scores.push(judgement.score);
      losses.push(judgement.loss);
      done += 1;
    }
    const score = mean(scores);
    points.push({
      pictures: rows.length,
      score,
      loss: mean(losses),
      spread: scores.length > 1 ? Math.max(...scores) - Math.min(...scores) : 0,
      ...(!job.multiLabel && { interval: wilson(Math.round(score * val.labels.length), val.labels.length) }),
    });
  }
  return points;
}

/** What twice as many pictures would give. */
function projectionOf(points: readonly LearningPoint[]): Pick<LearningCurve, 'expected'> {
  const pictures = 2 * points.at(-1)!.pictures;
  const measured = points.map(({ pictures: n, score }) => ({ pictures: n, mistakes: 1 - score }));
  const mistakes = expectedMistakes(measured, pictures);
  return mistakes === undefined ? {} : { expected: { pictures, score: 1 - mistakes } };
}
