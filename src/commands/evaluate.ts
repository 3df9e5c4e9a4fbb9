// evaluate.ts: a labelled dataset in, how well a network knows it out. Wires the stages; the figures are train/evaluation's.

import type { EvaluateConfig } from '../config/evaluate.ts';
import { invalid, type Dataset, type Sample } from '../dataset/dataset.ts';
import { datasetName, scanDataset } from '../dataset/scan.ts';
import { outputOfModel } from '../artefact/model.ts';
import { labelProbabilities, logitsOf } from '../graph/output.ts';
import { loadImages } from '../images/loader.ts';
import type { ImageReference } from '../images/source.ts';
import type { Labels } from '../labels.ts';
import { formatEvaluation, type EvaluationReport } from '../report/evaluation.ts';
import { multiLabelFigures, singleLabelFigures } from '../evaluation/figures.ts';
import { AppError, ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { statusLine } from '../util/progress.ts';
import { batched } from '../util/streams.ts';
import { classCount, matchClasses, ownLabels } from './classes.ts';
import { writeEvaluationPage, type WorstCase } from './evaluation-page.ts';
import { BATCH_PATIENCE_MS, batchOf, DEFAULT_BATCH, openModel, type LoadedModel } from './loading.ts';
import { note, write, type Output } from './output.ts';

/** Full batches are worth waiting for; a stalled disk is not, in milliseconds. */

/** Mistakes that the page shows with their pictures. */
const WORST_CASES = 24;

export async function evaluate(config: EvaluateConfig, output: Output): Promise<ExitCodeValue> {
  const dataset = await scanDataset(config.dataset, { ...config, signal: output.signal });
  for (const remark of dataset.remarks) note(output, remark);
  const { part, samples } = chosenPart(dataset, config);
  const loaded = await (await openModel(config, output)).load();
  const { model, engine, predictor } = loaded;
  try {
    const classes = classCount(loaded);
    const labels = await ownLabels(model, classes, output);
    const places = matchClasses(dataset.classes, labels, model.name);
    note(output, `${model.name} on ${engine.description}`);
    const answers = await answersOf(samples, loaded, config, output);
    if (output.signal.aborted) return ExitCode.interrupted;
    if (answers.samples.length === 0) {
      throw invalid(
        config.dataset,
        `has no picture that can be read in ${part}`,
        answers.failed[0]?.error.message ?? '',
      );
    }
    const about = {
      model: model.name,
      dataset: datasetName(config.dataset),
      part,
      device: engine.description,
    };
    const question = { answers, classes, labels, places, dataset, model };
    const { report, worst } = judged(question, about);
    await write(output.stdout, formatEvaluation(config.format, report));
    if (config.report !== undefined) {
      await writeEvaluationPage(config.report, { report, worst, decode: config.decode });
      note(output, `report: ${config.report}`);
    }
    for (const { file, error } of answers.failed) note(output, `${file}: ${error.message}`);
    return answers.failed.length > 0 ? ExitCode.partial : ExitCode.ok;
  } finally {
    await predictor.dispose();
  }
}

/** Test pictures, else those of val, else all, unless the user says which. */
function chosenPart(whole: Dataset, { split, dataset }: EvaluateConfig) {
  const { train, val: judges, test: more } = whole;
  const [val, test] = whole.judge === 'test' ? [undefined, judges] : [judges, more];
  const parts = { train, val, test, all: [...train, ...(val ?? []), ...(test ?? [])] };
  const part = split ?? (test ? 'test' : val ? 'val' : 'all');
  const samples = parts[part];
  if (!samples) throw new AppError('USAGE', `--split ${part}: ${dataset} has no ${part} pictures of its own`);
  if (samples.length === 0) throw invalid(dataset, `has no pictures in ${part}`, 'choose another --split');
  return { part, samples };
}

interface Answers {
  /** Of pictures that could be read. */
  readonly samples: readonly Sample[];
  /** The network's outputs for each of them, `[classes]`. */
  readonly rows: readonly Float32Array[];
  readonly failed: readonly { readonly file: string; readonly error: AppError }[];
}

async function answersOf(
  samples: readonly Sample[],
  { predictor, preprocessing }: LoadedModel,
  config: EvaluateConfig,
  output: Output,
): Promise<Answers> {
  const { batchSize = DEFAULT_BATCH } = config;
  const { size } = preprocessing;
  const prepare = { decode: config.decode, preprocessing, keepOriginal: false };
  const status = statusLine(output.stderr);
  const answers = {
    samples: [] as Sample[],
    rows: [] as Float32Array[],
    failed: [] as Answers['failed'][number][],
  };
  let done = 0;
  for await (const group of batched(
    loadImages(references(samples), prepare, batchSize),
    batchSize,
    BATCH_PATIENCE_MS,
  )) {
    const readable = group.flatMap((image, i) =>
      'pixels' in image ? [{ ...image, sample: samples[done + i]! }] : [],
    );
    for (const image of group)
      if ('error' in image) answers.failed.push({ file: image.file, error: image.error });
    if (readable.length > 0) {
      const [scores] = await predictor.run(batchOf(readable, size));
      const classes = scores!.data.length / readable.length;
      readable.forEach(({ sample }, i) => {
        answers.samples.push(sample);
        answers.rows.push(scores!.data.slice(i * classes, (i + 1) * classes));
      });
    }
    done += group.length;
    status.update(`${done} of ${samples.length} pictures`);
    if (output.signal.aborted) break;
  }
  status.clear();
  return answers;
}

async function* references(samples: readonly Sample[]): AsyncGenerator<ImageReference, void, undefined> {
  for (const { file, path } of samples) yield { file, content: { path } };
}

/** What is asked about a network's answers. */
export interface Question {
  readonly answers: Answers;
  readonly classes: number;
  readonly labels: Labels;
  /** The model's class number of each class of the dataset. */
  readonly places: readonly number[];
  readonly dataset: Dataset;
  readonly model: Pick<LoadedModel['model'], 'name' | 'graph' | 'labels'>;
}

/** All figures of the answers, and the worst mistakes. */
export function judged(question: Question, about: About): Judged {
  return question.dataset.multiLabel ? multiLabel(question, about) : singleLabel(question, about);
}

type About = Pick<EvaluationReport, 'model' | 'dataset' | 'part' | 'device'>;
interface Judged {
  readonly report: EvaluationReport;
  readonly worst: readonly WorstCase[];
}

function singleLabel({ answers, classes, labels, places, model }: Question, about: About): Judged {
  const logits = new Float32Array(answers.rows.length * classes);
  const output = outputOfModel(model);
  answers.rows.forEach((row, i) => logits.set(logitsOf(output, row), i * classes));
  const truth = answers.samples.map((sample) => places[sample.labels[0]!]!);
  const shown = model.labels?.set === 'own' ? 'all' : 'occurring';
  const {
    rows,
    perClass,
    confused,
    shown: numbers,
    ...figures
  } = singleLabelFigures({ logits, classes, truth }, shown);
  const name = (k: number) => labels[k]!.label;
  const report: EvaluationReport = {
    kind: 'single',
    ...about,
    ...figures,
    perClass: perClass.map((row, i) => ({ class: name(numbers[i]!), ...row })),
    confused: confused.map((pair) => ({
      truth: name(pair.truth),
      predicted: name(pair.predicted),
      count: pair.count,
    })),
    failed: answers.failed.map(plainError),
  };
  const worst = rows
    .map((row, i) => ({ ...row, sample: answers.samples[i]! }))
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => b.loss - a.loss)
    .slice(0, WORST_CASES)
    .map(({ sample, truth, predicted, probability }) => ({
      sample,
      truth: name(truth),
      said: `${name(predicted)} ${(probability * 100).toFixed(1)} %`,
    }));
  return { report, worst };
}

function multiLabel({ answers, classes, labels, places, dataset, model }: Question, about: About): Judged {
  const count = dataset.classes.length;
  const scores = new Float32Array(answers.rows.length * count);
  const truth = new Uint8Array(scores.length);
  const output = outputOfModel(model);
  if (classes < count)
    throw new AppError('DATASET_INVALID', `${model.name} has ${classes} classes, the dataset ${count}`);
  answers.rows.forEach((row, i) => {
    const probabilities = labelProbabilities(output, row);
    places.forEach((place, k) => (scores[i * count + k] = probabilities[place]!));
    for (const label of answers.samples[i]!.labels) truth[i * count + label] = 1;
  });
  const { rows, perClass, ...figures } = multiLabelFigures({ scores, classes: count, truth });
  const name = (k: number) => labels[places[k]!]!.label;
  const report: EvaluationReport = {
    kind: 'multi',
    ...about,
    ...figures,
    perClass: perClass.map((row, k) => ({ class: name(k), ...row })),
    failed: answers.failed.map(plainError),
  };
  const worst = rows
    .map(({ loss }, i) => ({ loss, i }))
    .sort((a, b) => b.loss - a.loss)
    .slice(0, WORST_CASES)
    .map(({ i }) => {
      const sample = answers.samples[i]!;
      const said = dataset.classes.flatMap((_, k) => (scores[i * count + k]! >= 0.5 ? [name(k)] : []));
      return { sample, truth: sample.labels.map(name).join(', ') || 'none', said: said.join(', ') || 'none' };
    });
  return { report, worst };
}

const plainError = ({ file, error: { code, message } }: Answers['failed'][number]) => ({
  file,
  error: { code, message },
});
