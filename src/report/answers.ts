// answers.ts: what a network said of each picture of an evaluation, as csv: file, truth, said, probability. Returns a string.

import { csvText } from './csv.ts';
import { roundedProbability } from './prediction.ts';

/** One picture. With one label a picture each list has one member. */
export interface Answer {
  readonly file: string;
  readonly truth: readonly string[];
  readonly said: readonly string[];
  /** Of each class that was said. */
  readonly probabilities: readonly number[];
}

/** Several labels are separated by `|`, as in a csv of pictures. */
export function answersCsv(answers: readonly Answer[], isSafe: boolean): string {
  return csvText(
    [
      ['file', 'truth', 'said', 'probability'],
      ...answers.map(({ file, truth, said, probabilities }) => [
        file,
        truth.join('|'),
        said.join('|'),
        probabilities.map(roundedProbability).join('|'),
      ]),
    ],
    isSafe,
  );
}
