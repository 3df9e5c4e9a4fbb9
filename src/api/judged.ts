// judged.ts: a network's answers to a labelled dataset -> all figures and the worst mistakes. It runs no network.

import type { Dataset, Sample } from '../dataset/dataset.ts';
import { multiLabelFigures, singleLabelFigures } from '../evaluation/figures.ts';
import { labelProbabilities, logitsOf } from '../graph/output.ts';
import type { Labels } from '../labels.ts';
import { isolated } from '../report/page.ts';
import type { Answer } from '../report/answers.ts';
import type { EvaluationReport } from '../report/evaluation.ts';
import { AppError } from '../util/errors.ts';
import { oneArray } from '../util/one-array.ts';
import type { LoadedClassifier } from './classifier.ts';
import type { WorstCase } from './tiles.ts';

/** Mistakes that the page shows with their pictures. */
const WORST_CASES = 24;

/** With several labels a picture, classes of at least this probability are said. */
const SAID = 0.5;

/** What a network said of each picture that could be read. */
export interface Answers {
  /** Of pictures that could be read. */
  readonly samples: readonly Sample[];
  /** The network's outputs for each of them, `[classes]`. */
  readonly rows: readonly Float32Array[];
  readonly failed: readonly { readonly file: string; readonly error: AppError }[];
}

/** A network's answers, and the settings for judging them. */
export interface Question {
  readonly answers: Answers;
  readonly classes: number;
  readonly labels: Labels;
  /** The model's class number of each class of the dataset. */
  readonly places: readonly number[];
  readonly dataset: Dataset;
  readonly model: Pick<LoadedClassifier, 'name' | 'labels' | 'output'>;
}

/** All figures of the answers, and the worst mistakes. */
export function judged(question: Question, about: About): Judged {
  return question.dataset.multiLabel ? multiLabel(question, about) : singleLabel(question, about);
}

type About = Pick<EvaluationReport, 'model' | 'dataset' | 'part' | 'device' | 'unknown'>;
export interface Judged {
  readonly report: EvaluationReport;
  readonly worst: readonly WorstCase[];
  /** Of each picture that could be read, in the order of the dataset. */
  readonly said: readonly Answer[];
}

/** What the network said of one picture. */
interface Case {
  readonly sample: Sample;
  readonly answer: Answer;
  readonly isMistake: boolean;
  readonly loss: number;
}

/** The mistakes with the greatest losses. */
function worstOf(cases: readonly Case[]): readonly WorstCase[] {
  return cases
    .filter(({ isMistake }) => isMistake)
    .sort((a, b) => b.loss - a.loss)
    .slice(0, WORST_CASES)
    .map(({ sample, answer: { truth, said, probabilities } }) => ({
      sample,
      truth: truth.join(', ') || 'none',
      said:
        said
          .map((name, i) => `${isolated(name)} ${(probabilities[i]! * 100).toFixed(1)}\u00a0%`)
          .join(', ') || 'none',
    }));
}

function singleLabel({ answers, classes, labels, places, model }: Question, about: About): Judged {
  const logits = inOneArray(answers.rows.map((row) => logitsOf(model.output, row)), classes); // prettier-ignore
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
    classes,
    ...figures,
    perClass: perClass.map((row, i) => ({ class: name(numbers[i]!), ...row })),
    confused: confused.map((pair) => ({
      truth: name(pair.truth),
      predicted: name(pair.predicted),
      count: pair.count,
    })),
    failed: answers.failed.map(plainError),
  };
  const cases = rows.map(({ truth, predicted, probability, loss }, i): Case => {
    const sample = answers.samples[i]!;
    const answer = {
      file: sample.file,
      truth: [name(truth)],
      said: [name(predicted)],
      probabilities: [probability],
    };
    return { sample, answer, isMistake: truth !== predicted, loss };
  });
  return { report, worst: worstOf(cases), said: cases.map(({ answer }) => answer) };
}

/** Rows of so many numbers, one behind the other: where they lie so already, without a copy, which 20,000 rows of 1,000 classes have no room for. */
function inOneArray(rows: readonly Float32Array[], numbers: number): Float32Array {
  const [first] = rows;
  const bytes = numbers * Float32Array.BYTES_PER_ELEMENT;
  const isOne = rows.every(({ buffer, byteOffset, length }, i) => buffer === first!.buffer && byteOffset === first!.byteOffset + i * bytes && length === numbers); // prettier-ignore
  if (first && isOne) return new Float32Array(first.buffer, first.byteOffset, rows.length * numbers);
  return oneArray(rows);
}

function multiLabel({ answers, classes, labels, places, dataset, model }: Question, about: About): Judged {
  const count = dataset.classes.length;
  const scores = new Float32Array(answers.rows.length * count);
  const truth = new Uint8Array(scores.length);
  const { output } = model;
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
    classes: count,
    ...figures,
    perClass: perClass.map((row, k) => ({ class: name(k), ...row })),
    failed: answers.failed.map(plainError),
  };
  const cases = rows.map(({ loss }, i): Case => {
    const sample = answers.samples[i]!;
    const own = scores.subarray(i * count, (i + 1) * count);
    const said = [...places.keys()].filter((k) => own[k]! >= SAID);
    const answer = {
      file: sample.file,
      truth: sample.labels.map(name),
      said: said.map(name),
      probabilities: said.map((k) => own[k]!),
    };
    const isMistake = said.length !== sample.labels.length || said.some((k) => !sample.labels.includes(k));
    return { sample, answer, isMistake, loss };
  });
  return { report, worst: worstOf(cases), said: cases.map(({ answer }) => answer) };
}

const plainError = ({ file, error: { code, message } }: Answers['failed'][number]) => ({
  file,
  error: { code, message },
});
