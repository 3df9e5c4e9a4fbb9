// results.ts: what a run leaves behind when it ends: summary.json and report.html.

import { outputOfModel, type Model } from '../../artefact/model.ts';
import type { Sample } from '../../dataset/dataset.ts';
import { datasetName } from '../../dataset/scan.ts';
import type { FinetuneConfig } from '../../config/finetune-settings.ts';
import { answersCsv, type Answer } from '../../report/answers.ts';
import { isolated } from '../../report/page.ts';
import type { Tile } from '../../report/parts.ts';
import { runPage, type CurvePoint } from '../../report/run-page.ts';
import { writeJson, type RunPaths } from '../../run/run-folder.ts';
import type { EventFile, EventPicture } from '../../run/tensorboard.ts';
import { judge, type Judgement } from '../../evaluation/judgement.ts';
import { keptPass, type HeadMethod } from '../../train/head-stage.ts';
import type { EpochRow, StageTwoResult } from '../../train/stage-two.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { printable } from '../../util/quoted.ts';
import { judged } from '../judged.ts';
import { madeIn } from '../made.ts';
import { tilesOf, type WorstCase } from '../tiles.ts';
import type { Work } from '../work.ts';
import type { DividedDataset } from './data.ts';
import { clock, judgedText } from './keeper.ts';
import { settingsInWords } from './settings-in-words.ts';

export interface RunResults {
  readonly paths: RunPaths;
  readonly config: FinetuneConfig;
  /** Epochs of stage 2 after which it went on with more of them, having been finished. */
  readonly continuedAfter: readonly number[];
  /** Without the pictures that could not be read. */
  readonly divided: DividedDataset;
  /** Its graph puts out logits. */
  readonly model: Pick<Model, 'name' | 'graph' | 'labels'>;
  readonly result: StageTwoResult;
  /** Logits `[N, classes]` of the validation pictures by the best weights. */
  readonly scores: Float32Array;
  /** Files that could not be read. */
  readonly failed: readonly string[];
  readonly seconds: number;
  readonly secondsToBest: number;
  readonly unknown: UnknownSummary | undefined;
  readonly plan: RunPlan | undefined;
  readonly device: string;
  /** For TensorBoard. */
  readonly events: EventFile | undefined;
}

/** What the network learnt of pictures that are unlike all classes. */
export interface UnknownSummary {
  /** How well pictures of classes that a head was not taught are told from others, 0…1; absent with too few classes. */
  readonly auroc?: number;
  /** The score above which a picture's class is unknown, so that 95 of 100 pictures of known classes keep theirs. */
  readonly threshold: number;
}

/** How a run of `--minutes` was planned. */
export interface RunPlan {
  readonly minutes: number;
  /** Side of the pictures, in pixels; or height and width. */
  readonly size: number | readonly [number, number];
  readonly pool?: string;
  readonly trainFrom?: string;
  readonly cachedViews: number;
  /** Of stage 2; 0 where there was no time for it. */
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** summary.json. */
export interface RunSummary {
  /** Share of the validation pictures whose class was named first, 0…1; absent with several labels a picture. */
  readonly top1?: number;
  /** Likewise among the first five. */
  readonly top5?: number;
  /** With several labels a picture, 0…1. */
  readonly meanAveragePrecision?: number;
  /** Mean loss over the validation pictures. */
  readonly loss: number;
  /** Epoch of stage 2 whose weights are the best; 0: the head alone. */
  readonly bestEpoch: number;
  /** Epochs of stage 2 that were run. */
  readonly epochs: number;
  /** Those after which the run went on with more of them, having been finished. */
  readonly continuedAfter?: readonly number[];
  readonly classes: number;
  /** Numbers of the validation pictures and of the training pictures. */
  readonly samples: number;
  readonly trainSamples: number;
  /** What computed: `onnxruntime 1.30.0 on cpu, 2 threads`. */
  readonly device: string;
  /** Time of the whole run, without interruptions. */
  readonly seconds: number;
  /** Time until the best weights were there. */
  readonly secondsToBest: number;
  /** Of a run of `--minutes`: the flags that it chose, and the length of stage 2. */
  readonly plan?: RunPlan;
  readonly unknown?: UnknownSummary;
  /** Files that could not be read and were left out. */
  readonly failed?: readonly string[];
  /** Why stage 2 ended before its last epoch: `patience`, `no gain`, `deadline`, or what went wrong. */
  readonly ended?: string;
}

export interface FinishedRun {
  /** The run's folder. */
  readonly folder: string;
  /** The model folder of the best weights, inside it. */
  readonly best: string;
  readonly report: string;
  readonly summary: RunSummary;
}

const ENDINGS = {
  patience: 'stopped early: no improvement within --patience epochs',
  'no gain': 'stopped early: more epochs gain nothing',
  deadline: 'stopped: the time is over',
} as const;

/** Whether a run ended by a mistake, by what its summary says: other endings are how it was to end. */
export const isDivergence = (ended: string | undefined): boolean =>
  ended !== undefined && !Object.hasOwn(ENDINGS, ended);

/** Sample pictures on the page. */
const SAMPLES = 24;

export async function writeResults(results: RunResults, work: Work): Promise<FinishedRun> {
  const { paths, result, seconds } = results;
  const best = judgementOf(results);
  const summary = summaryOf(results, best);
  const { bestEpoch } = summary;
  await writeJson(paths.summary, summary);
  const { page, said, worst, samples } = await reportOf(results, bestEpoch);
  await writeFileAtomic(paths.report, page);
  await writeFileAtomic(paths.predictions, answersCsv(said, false));
  await results.events?.pictures(bestEpoch, [...picturesOf('mistake', worst), ...picturesOf('sample', samples)]); // prettier-ignore
  if (typeof result.ended === 'string') work.note(ENDINGS[result.ended]);
  else if (result.ended) work.note(`stopped: ${result.ended.message}; the best weights so far are kept`);
  work.note(`best: ${bestEpoch === 0 ? 'the head alone' : `epoch ${bestEpoch}`}, ${judgedText(best)}; ${clock(seconds)} in all`); // prettier-ignore
  return { folder: paths.folder, best: paths.best, report: paths.report, summary };
}

/** Of the network as it is kept: its temperature changes how sure it is. */
function judgementOf({ divided: { val, dataset }, scores }: RunResults): Judgement {
  const { classes, multiLabel } = dataset;
  return judge(scores, { labels: val.map(({ labels }) => labels), classes: classes.length, multiLabel });
}

function summaryOf(
  { result, divided, seconds, secondsToBest, unknown, plan, device, failed, continuedAfter }: RunResults,
  judged: Judgement,
): RunSummary {
  const { best, rows } = result.progress;
  const { dataset, train, val } = divided;
  return {
    ...(dataset.multiLabel
      ? { meanAveragePrecision: judged.score }
      : {
          ...(judged.top1 !== undefined && { top1: judged.top1 }),
          ...(judged.top5 !== undefined && { top5: judged.top5 }),
        }),
    loss: judged.loss,
    bestEpoch: best.stage === 'head' ? 0 : best.epoch,
    epochs: rows.filter(({ stage }) => stage === 'all').length,
    ...(continuedAfter.length > 0 && { continuedAfter }),
    classes: dataset.classes.length,
    samples: val.length,
    trainSamples: train.length,
    device,
    seconds: Number(seconds.toFixed(1)),
    secondsToBest: Number(secondsToBest.toFixed(1)),
    ...(plan && { plan }),
    ...(unknown && { unknown }),
    ...(failed.length > 0 && { failed }),
    ...(result.ended && { ended: typeof result.ended === 'string' ? result.ended : result.ended.message }),
  };
}

/** The page, and what the best weights say of each picture. */
async function reportOf(
  results: RunResults,
  bestEpoch: number,
): Promise<{
  readonly page: string;
  readonly said: readonly Answer[];
  readonly worst: readonly Tile[];
  readonly samples: readonly Tile[];
}> {
  const { config, divided, model, result, scores, device, failed, seconds } = results;
  const { dataset, train, val, division } = divided;
  const classes = dataset.classes.length;
  const question = {
    answers: {
      samples: val,
      rows: val.map((_, i) => scores.subarray(i * classes, (i + 1) * classes)),
      failed: [],
    },
    classes,
    labels: dataset.classes.map((label) => ({ label })),
    places: dataset.classes.map((_, k) => k),
    dataset,
    model: { ...model, output: outputOfModel(model) },
  };
  const name = datasetName(config.dataset);
  const {
    report,
    worst: mistakes,
    said,
  } = judged(question, { model: model.name, dataset: name, part: division, device });
  const { rows } = result.progress;
  const left = failed.length > 0 ? `, ${failed.length} left out` : '';
  const [worst, samples] = [await tilesOf(mistakes, config.decode), await tilesOf(sampleCases(train, dataset.classes), config.decode)]; // prettier-ignore
  const page = runPage({
    report,
    points: pointsOf(rows, config.settings.head.method),
    head: rows.filter(({ stage }) => stage === 'head'),
    bestEpoch,
    worst,
    samples,
    settings: settingsInWords({
      model: config.model,
      settings: config.settings,
      isSplit: dataset.val === undefined,
      multiLabel: dataset.multiLabel,
      continuedAfter: results.continuedAfter,
    }),
    made: madeIn(seconds),
    about: `${isolated(name)}: ${train.length} pictures to learn from, ${val.length} to judge by (${division})${left}, ${classes} classes, ${device}`,
  });
  return { page, said, worst, samples };
}

/** The pass of stage 1 that the head is from is the starting point of stage 2, shown as epoch 0. */
function pointsOf(rows: readonly EpochRow[], method: HeadMethod): readonly CurvePoint[] {
  const head = keptPass(
    rows.filter(({ stage }) => stage === 'head'),
    method,
  );
  const all = rows.filter(({ stage }) => stage === 'all');
  return head ? [{ ...head, epoch: 0 }, ...all] : all;
}

/** What keeps a name's direction of writing on a page; TensorBoard's lists show it. */
const ISOLATES = /[\u2068\u2069]/gu;

function picturesOf(kind: string, tiles: readonly Tile[]): readonly EventPicture[] {
  return tiles.map(({ picture: { dataUri, width, height }, lines: [truth = ''] }, i) => ({
    tag: `${kind}/${i + 1} ${printable(truth.replaceAll(ISOLATES, ''))}`,
    width,
    height,
    bytes: Buffer.from(dataUri.slice(dataUri.indexOf(',') + 1), 'base64'),
  }));
}

/** Sample pictures: at most the same number of each class, and at most SAMPLES in all. */
function sampleCases(samples: readonly Sample[], classes: readonly string[]): readonly WorstCase[] {
  const places = Math.max(1, Math.floor(SAMPLES / classes.length));
  const counts = new Map<number, number>();
  const chosen = samples.filter(({ labels: [label = -1] }) => {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    return count <= places;
  });
  return chosen
    .slice(0, SAMPLES)
    .map((sample) => ({ sample, truth: sample.labels.map((k) => classes[k]!).join(', ') }));
}
