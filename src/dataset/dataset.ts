// dataset.ts: a labelled dataset as plain data, and the conditions it must meet. It reads nothing.

import { AppError } from '../util/errors.ts';
import type { StoredPicture } from './stored.ts';
import { quoted as bounded } from '../util/quoted.ts';

/** One labelled picture. */
export interface Sample {
  /** The name that the user knows: relative to the dataset's folder, with `/`. */
  readonly file: string;
  /** Its file, which tells it from all others; of a picture that is no file of its own, a name that does. */
  readonly path: string;
  /** Where its bytes are, if it is no file of its own. */
  readonly stored?: StoredPicture;
  /** Class numbers: one, or any number of them in a multi-label dataset. */
  readonly labels: readonly number[];
}

export interface Dataset {
  /** A text for people about where the labels were found: `train/ and val/`. */
  readonly layout: string;
  /** In the order of the network's outputs. */
  readonly classes: readonly string[];
  readonly multiLabel: boolean;
  /** The pictures to learn from; all pictures when the dataset is not divided. */
  readonly train: readonly Sample[];
  /** The pictures to evaluate on: those of val, or else those of test. Absent when the dataset is not divided. */
  readonly val?: readonly Sample[];
  /** The part that `val` really is; absent when it is val. */
  readonly judge?: 'val' | 'test';
  /** Present only when there is a val as well. */
  readonly test?: readonly Sample[];
  /** The working folder, where a csv's pictures were found from there: from another one they need it as --root. */
  readonly root?: string;
  /** Remarks about what was left out. */
  readonly remarks: readonly string[];
}

/** How many of `samples` each class has. */
export function classCounts(samples: readonly Sample[], classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const { labels } of samples) for (const label of labels) counts[label]! += 1;
  return counts;
}

/**
 * What training needs of a dataset. It is checked again without the unreadable pictures when these are known.
 * @throws AppError DATASET_INVALID
 */
export function checkTrainable({ classes, train, val, multiLabel }: Dataset, root: string): void {
  if (train.length === 0 && val) {
    throw invalid(root, 'has no part to learn from', 'expected train/ beside the others, or name the folder to learn from'); // prettier-ignore
  }
  if (train.length === 0)
    throw invalid(root, 'has no pictures', 'expected class folders with pictures in them');
  if (classes.length < 2 && !multiLabel) {
    throw invalid(root, `has one class only, ${quoted(classes[0]!)}`, 'expected at least two class folders');
  }
  if (train.length < 2) throw invalid(root, 'has one picture to learn from', 'expected at least two');
  const empty = classCounts(train, classes.length).flatMap((count, i) => (count === 0 ? [classes[i]!] : []));
  if (empty.length > 0) {
    const names = list(empty);
    const many = empty.length > 1;
    throw invalid(
      root,
      `has no pictures to learn from in ${many ? 'classes' : 'class'} ${names}`,
      `add some, or remove the ${many ? 'classes' : 'class'}`,
    );
  }
}

/** Names in a message: `a`, `b` and 3 more. */
export function list(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map(quoted).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

export function quoted(name: string): string {
  return `"${bounded(JSON.stringify(name).slice(1, -1), MAX_NAME)}"`;
}

/** The longest part of a name that is shown in a list, in characters. */
const MAX_NAME = 60;

export function invalid(root: string, problem: string, next: string): AppError {
  return new AppError('DATASET_INVALID', `${root} ${problem}; ${next}`);
}
