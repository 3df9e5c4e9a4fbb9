// novelty-facts.ts: what model.json says of how unknown pictures are told. Opens no file.

import { AppError } from '../util/errors.ts';
import type { Novelty, Usual } from '../util/novelty.ts';
import type { FieldReader } from './json.ts';

/** What model.json says of it. */
export interface NoveltyFacts extends Pick<Novelty, 'doubt' | 'distance' | 'weight'> {
  /** The file of the features. */
  readonly neighbours: string;
  readonly known: readonly number[];
}

/** The file is named by its content: a new one never overwrites the one that the former model.json names. */
export const NEIGHBOURS_NAME = /^neighbours-[0-9a-f]{16}\.npy$/;

/** finch keeps 1,000 scores. */
const MAX_KNOWN = 10_000;

/** @throws AppError MODEL_INVALID */
export function readNoveltyFacts(field: FieldReader): NoveltyFacts {
  const known = field.numbers('known');
  const isRising = known.every((score, i) => i === 0 || score >= known[i - 1]!);
  if (known.length === 0 || known.length > MAX_KNOWN || !isRising) {
    throw invalid(`${field.where}.known: expected 1 to ${MAX_KNOWN} numbers in rising order`);
  }
  const weight = field.number('weight');
  if (weight < 0) throw invalid(`${field.where}.weight: expected 0 or more, received ${weight}`);
  return {
    neighbours: field.string('neighbours'),
    doubt: readUsual(field.object('doubt')),
    distance: readUsual(field.object('distance')),
    weight,
    known,
  };
}

function readUsual(field: FieldReader): Usual {
  const [middle, spread] = [field.number('middle'), field.number('spread')];
  if (spread > 0) return { middle, spread };
  throw invalid(`${field.where}.spread: expected more than 0, received ${spread}`);
}

const invalid = (problem: string) => new AppError('MODEL_INVALID', problem);
