// evaluate.ts: measures how well a network knows a labelled dataset. Connects the stages; evaluation/ computes the figures.

import { classesFile } from '../config/classes.ts';
import type { EvaluateConfig } from '../config/evaluate.ts';
import { invalid, type Dataset, type Sample } from '../dataset/dataset.ts';
import { datasetName, scanDataset } from '../dataset/scan.ts';
import { contentOf, openTables, type OpenTables } from '../dataset/stored.ts';
import type { ImageReference, TableRow } from '../images/source.ts';
import { AppError } from '../util/errors.ts';
import { checkOutputs } from '../util/outputs.ts';
import { measuredPictures } from './answered.ts';
import { matchClasses, ownLabels } from './classes.ts';
import { checkNovelty, type LoadedClassifier, type OpenedClassifier } from './classifier.ts';
import { openClassifier } from './ensemble.ts';
import { judged, type Answers, type Judged } from './judged.ts';
import { refuseLosses, datasetRead, outputsOf } from './outputs.ts';
import { unknownFigures } from './unknown-figures.ts';
import type { Work } from './work.ts';

export interface Evaluation extends Judged {
  readonly failed: Answers['failed'];
}

/** @throws AppError for a dataset, a model or an engine that is missing or wrong; INTERRUPTED */
export async function evaluateDataset(config: EvaluateConfig, work: Work): Promise<Evaluation> {
  const outputs = outputsOf({ '--report': config.report, '--predictions': config.predictions });
  await checkOutputs(outputs);
  const dataset = await scanDataset(config.dataset, { ...config, signal: work.signal });
  for (const remark of dataset.remarks) work.note(remark);
  const { part, samples } = chosenPart(dataset, config);
  const read = datasetRead(config, dataset);
  await refuseLosses(outputs, { ...read, files: [...(read.files ?? []), classesFile(config)] });
  const opened = await openClassifier(config, work, dataset.multiLabel ? 'labels' : 'class');
  try {
    const model = await opened.load();
    if (config.unknown !== undefined) checkNovelty(model, '--unknown');
    const { name, engine: device, classes } = model;
    const labels = await ownLabels(model, classes, work);
    const places = matchClasses(dataset.classes, labels, name);
    work.note(`${name} on ${device}`);
    const answers = await answersOf(samples, { opened, model }, config, work);
    if (answers.samples.length === 0) {
      throw invalid(
        config.dataset,
        `has no picture that can be read in ${part}`,
        answers.failed[0]?.error.message ?? '',
      );
    }
    const unknown = config.unknown === undefined ? undefined : await unknownFigures({ opened, model }, answers.novelties, config, work); // prettier-ignore
    const about = {
      model: name,
      dataset: datasetName(config.dataset),
      part,
      device,
      ...(unknown && { unknown }),
    };
    const question = { answers, classes, labels, places, dataset, model };
    return { ...judged(question, about), failed: answers.failed };
  } finally {
    await opened.close();
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

async function answersOf(
  samples: readonly Sample[],
  network: { readonly opened: OpenedClassifier; readonly model: LoadedClassifier },
  config: EvaluateConfig,
  work: Work,
): Promise<Answers & { readonly novelties: readonly number[] }> {
  const answers = {
    samples: [] as Sample[],
    rows: [] as Float32Array[],
    novelties: [] as number[],
    failed: [] as Answers['failed'][number][],
  };
  const total = samples.length;
  let done = 0;
  for await (const picture of measuredPictures(references(samples), network, config, work)) {
    const sample = samples[done++]!;
    if ('error' in picture) answers.failed.push(picture);
    else {
      const { row, novelty } = picture.answer;
      answers.samples.push(sample);
      answers.rows.push(row);
      if (novelty !== undefined) answers.novelties.push(novelty);
    }
    work.progress({ task: 'evaluate', done, total, text: `${done} of ${total} pictures` });
  }
  return answers;
}

/** Rows of tables are read here, in their order; all else by who prepares the pictures. */
async function* references(samples: readonly Sample[]): AsyncGenerator<ImageReference, void, undefined> {
  const tables = openTables();
  try {
    for (const { file, path, stored } of samples) {
      if (!stored) yield { file, content: { path } };
      else if ('row' in stored) yield { file, content: await rowContent(tables, stored.row) };
      else yield { file, content: contentOf(stored) };
    }
  } finally {
    await tables.close();
  }
}

async function rowContent(tables: OpenTables, row: TableRow): Promise<ImageReference['content']> {
  try {
    return { bytes: await tables.bytes(row) };
  } catch (error) {
    // What a network or a server does to one picture it does to all.
    if (error instanceof AppError && error.code !== 'DOWNLOAD_FAILED') return { error };
    throw error;
  }
}
