// results.ts: what learning over shards leaves: the network with its new head, judged, and the files of a run.

import { writeModelFolder } from '../../../artefact/model-folder.ts';
import { outputOfModel } from '../../../artefact/model.ts';
import type { FinetuneConfig } from '../../../config/finetune-settings.ts';
import type { Dataset } from '../../../dataset/dataset.ts';
import { datasetName } from '../../../dataset/scan.ts';
import type { BlockProducts } from '../../../engine/onnx/block-products.ts';
import { judge } from '../../../evaluation/judgement.ts';
import { withHeadWeights, withTemperature } from '../../../graph/new-head.ts';
import { answersCsv } from '../../../report/answers.ts';
import { isolated } from '../../../report/page.ts';
import { runPage } from '../../../report/run-page.ts';
import { metricsCsv } from '../../../run/metrics-file.ts';
import { writeJson, type RunPaths } from '../../../run/run-folder.ts';
import { scalingOf } from '../../../train/closed-head.ts';
import { unstandardized } from '../../../train/standardize.ts';
import { measuredTemperature } from '../../../train/temperature.ts';
import { writeFileAtomic } from '../../../util/files.ts';
import path from 'node:path';
import { judgedText } from '../../finetune/keeper.ts';
import { newNetwork, savedModel, untrainedModel } from '../../finetune/new-network.ts';
import type { FinishedRun, RunSummary } from '../../finetune/results.ts';
import { settingsInWords } from '../../finetune/settings-in-words.ts';
import { judged } from '../../judged.ts';
import { madeIn } from '../../made.ts';
import type { OpenedNetwork } from '../../network.ts';
import type { Work } from '../../work.ts';
import type { LearntHead } from './head.ts';

/** Where what was learnt lies. */
export type LearntRun = Omit<FinishedRun, 'summary'>;

interface HeadResults extends LearntHead {
  readonly paths: RunPaths;
  readonly opened: OpenedNetwork;
  readonly config: FinetuneConfig;
  readonly products: BlockProducts;
  /** On the clock of `performance.now()`. */
  readonly began: number;
}

export async function writeHeadResults(results: HeadResults, work: Work): Promise<LearntRun> {
  const { paths, opened, config, point, moments, classes, files, how, steps, trainLoss, trainCount } =
    results;
  const { logits, truth } = await judgedLogits(results);
  const samples = files.map((file, i) => ({ file, path: file, labels: [truth[i]!] }));
  const dataset: Dataset = {
    layout: 'shards',
    classes,
    multiLabel: false,
    train: [],
    val: samples,
    remarks: [],
  };
  const network = newNetwork(opened, { dataset }, config.settings);
  const untrained = untrainedModel(network, await opened.readWeights(), opened);
  const weights = withHeadWeights(untrained.weights, network.classifier, unstandardized(point, moments));
  const temperature = measuredTemperature({ logits, classes: classes.length, truth });
  const name = path.basename(path.resolve(paths.folder));
  const model = { ...savedModel(name, opened, network, { dataset }), foreign: untrained.foreign };
  await writeModelFolder(paths.last, { ...model, weights }, { dtype: 'float32' });
  await writeModelFolder(paths.best, { ...model, weights: withTemperature(weights, network.classifier, temperature) }, { dtype: 'float32' }); // prettier-ignore
  const labels = samples.map(({ labels }) => labels);
  const about = { labels, classes: classes.length, multiLabel: false };
  const row = { stage: 'head', epoch: steps, rate: 0, trainLoss, ...judge(logits, about) } as const;
  await writeFileAtomic(paths.metrics, metricsCsv([row], false));
  // In place: of 1,000 classes they are 80 MB.
  const scores = logits;
  for (let i = 0; i < scores.length; i++) scores[i]! /= temperature;
  const { loss, top1, top5 } = judge(scores, about);
  const seconds = Number((results.secondsBefore + (performance.now() - results.began) / 1000).toFixed(1));
  const { description: device } = await opened.engine();
  const summary: RunSummary = {
    ...(top1 !== undefined && { top1 }),
    ...(top5 !== undefined && { top5 }),
    loss,
    bestEpoch: 0,
    epochs: 0,
    classes: classes.length,
    samples: files.length,
    trainSamples: trainCount,
    device,
    seconds,
    secondsToBest: seconds,
  };
  await writeReport(results, { dataset, scores, device, seconds, model: { ...model, graph: network.graph } });
  await writeJson(paths.summary, summary);
  work.note(`head: ${how}, ${judgedText({ loss, score: top1 ?? 0, ...(top1 !== undefined && { top1 }) })}`); // prettier-ignore
  return { folder: paths.folder, best: paths.best, report: paths.report };
}

/** Logits `[N,K]` of the rows that judge, and their classes. */
async function judgedLogits({ point, moments, classes, judged: stream, products }: HeadResults) {
  const { numbers } = moments;
  const kernelSize = numbers * classes.length;
  const head = { kernel: Float32Array.from(point.subarray(0, kernelSize)), bias: Float32Array.from(point.subarray(kernelSize)) }; // prettier-ignore
  const scaling = scalingOf(moments);
  const logits = new Float32Array(stream.count * classes.length);
  const truth = new Int32Array(stream.count);
  let at = 0;
  for await (const { rows, labels } of stream.blocks()) {
    logits.set(await products.logits(rows, scaling, head), at * classes.length);
    truth.set(labels, at);
    at += labels.length;
  }
  return { logits, truth };
}

interface Shown {
  readonly dataset: Dataset;
  readonly scores: Float32Array;
  readonly device: string;
  readonly seconds: number;
  readonly model: ReturnType<typeof savedModel>;
}

/** The page has no pictures: only their names are known here. */
async function writeReport(
  results: HeadResults,
  { dataset, scores, device, seconds, model }: Shown,
): Promise<void> {
  const { paths, config, classes, files, how, trainCount } = results;
  const count = classes.length;
  const name = datasetName(config.dataset);
  const division = 'by the hash of each picture';
  const { report, said } = judged(
    {
      answers: { samples: dataset.val!, rows: files.map((_, i) => scores.subarray(i * count, (i + 1) * count)), failed: [] }, // prettier-ignore
      classes: count,
      labels: classes.map((label) => ({ label })),
      places: classes.map((_, k) => k),
      dataset,
      model: { ...model, output: outputOfModel(model) },
    },
    { model: model.name, dataset: name, part: division, device },
  );
  const settings = settingsInWords({ model: config.model, settings: config.settings, isSplit: true, multiLabel: false, continuedAfter: [] }); // prettier-ignore
  const page = runPage({
    report,
    points: [],
    head: [],
    bestEpoch: 0,
    samples: [],
    settings: settings.map(([key, value]) => (key.startsWith('stage 1') ? [key, how] : [key, value])),
    made: madeIn(seconds),
    about: `${isolated(name)}: ${trainCount} rows of shards to learn from, ${files.length} to judge by (${division}), ${count} classes, ${device}`,
  });
  await writeFileAtomic(paths.report, page);
  await writeFileAtomic(paths.predictions, answersCsv(said, false));
}
