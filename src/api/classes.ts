// classes.ts: what a network's outputs mean: how many classes there are, what they are called, and which of them a dataset's
// class names refer to.

import { distance } from 'fastest-levenshtein';
import { outputOfModel, type Model, type ModelDescription } from '../artefact/model.ts';
import { inferShapes } from '../graph/shapes.ts';
import { imagenetLabels, type Labels } from '../labels.ts';
import { AppError } from '../util/errors.ts';
import { shellWord } from '../util/shell-word.ts';
import type { LoadedNetwork } from './network.ts';
import type { Work } from './work.ts';

/** How many classes a network tells apart; undefined where it puts out no vector of scores. */
export function putsOutClasses(model: ModelDescription): number | undefined {
  const { graph, gives } = model;
  if (gives === 'features') return undefined;
  const shape = inferShapes(graph).get(graph.output)!;
  return shape.length === 1 ? outputOfModel(model).classes : undefined;
}

/** Length of the network's output vector. */
export function classCount({ model, predictor }: LoadedNetwork): number {
  const [shape] = predictor.outputShapes;
  if (model.gives === 'features') {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${model.name} knows no classes: it puts out features of a picture; use extract-features or search, or teach it classes: finetune DIR --model ${shellWord(model.name)}`,
    );
  }
  if (shape?.length === 1) return outputOfModel(model).classes;
  throw new AppError(
    'MODEL_UNSUPPORTED',
    `${model.name} puts out [${shape?.join(',')}], a classifier puts out one number a class`,
  );
}

/** The model's own class names, ImageNet's names, or placeholders such as `class 7`. */
export async function ownLabels(
  model: Pick<Model, 'name' | 'labels'>,
  classes: number,
  work: Work,
): Promise<Labels> {
  if (model.labels?.set === 'own') {
    const { names } = model.labels;
    if (names.length === classes) return names.map((label) => ({ label }));
    throw new AppError('MODEL_INVALID', `${model.name} has ${classes} classes and ${names.length} labels`);
  }
  if (classes === 1000) {
    if (!model.labels) work.note(`${model.name} has no labels; its 1000 classes are taken for ImageNet's`);
    return imagenetLabels();
  }
  if (model.labels)
    throw new AppError('MODEL_INVALID', `${model.name} has ${classes} classes, ImageNet has 1000`);
  work.note(`${model.name} has no labels; give them with --labels FILE`);
  return Array.from({ length: classes }, (_, i) => ({ label: `class ${i}` }));
}

/** The largest number of similar names that an error message offers. */
const NEAREST = 3;

/** Names are compared without case, and `_` is a space: folders are often called so. */
const folded = (name: string) => name.normalize('NFC').toLowerCase().replaceAll('_', ' ').trim();

/**
 * The class number of the model for each class of a dataset: by its label; for ImageNet's classes also by WordNet id (alone
 * or before a `_`), by Chinese label or by number.
 * @throws AppError DATASET_INVALID naming what is unknown, and what comes nearest
 */
export function matchClasses(names: readonly string[], labels: Labels, model: string): readonly number[] {
  const exact = placesOf(labels, (label) => [label.label]);
  const others = placesOf(labels, ({ id, label, labelZh }) => [
    folded(label),
    ...[id, labelZh].flatMap((name) => name ?? []),
  ]);
  const isNumbered = names.every((name) => /^\d+$/.test(name) && Number(name) < labels.length);
  const matched = names.map((name) => {
    const wordnet = /^n\d{8}/.exec(name)?.[0];
    const found =
      exact.get(name) ?? others.get(name) ?? others.get(folded(name)) ?? others.get(wordnet ?? '');
    if (found && found.length > 1) {
      throw new AppError(
        'DATASET_INVALID',
        `${model} has ${found.length} classes called ${JSON.stringify(name)} (${found.join(', ')}); name the folder by ${labels[found[0]!]!.id ?? 'number'}`,
      );
    }
    return found?.[0] ?? (isNumbered ? Number(name) : undefined);
  });
  const unknown = names.filter((_, i) => matched[i] === undefined);
  if (unknown.length > 0) throw new AppError('DATASET_INVALID', unknownMessage(unknown, labels, model));
  refuseShared(names, matched as number[], labels);
  return matched as number[];
}

/** Class numbers by name; a name may be several classes' (ImageNet has the dog Cardigan and the cardigan). */
function placesOf(
  labels: Labels,
  namesOf: (label: Labels[number]) => readonly string[],
): ReadonlyMap<string, number[]> {
  const places = new Map<string, number[]>();
  labels.forEach((label, i) => {
    for (const name of new Set(namesOf(label))) places.set(name, [...(places.get(name) ?? []), i]);
  });
  return places;
}

function unknownMessage(unknown: readonly string[], labels: Labels, model: string): string {
  const offers = unknown.slice(0, NEAREST).map((name) => {
    const ranked = labels
      .map(({ label }) => ({ label, far: distance(folded(name), folded(label)) }))
      .sort((a, b) => a.far - b.far)
      .slice(0, NEAREST);
    return `${JSON.stringify(name)} (nearest: ${ranked.map(({ label }) => label).join(', ')})`;
  });
  const rest = unknown.length > NEAREST ? ` and ${unknown.length - NEAREST} more` : '';
  return `${model} does not know the ${unknown.length === 1 ? 'class' : 'classes'} ${offers.join(', ')}${rest}; rename the folders after its classes, or choose the model that was trained on them`;
}

function refuseShared(names: readonly string[], matched: readonly number[], labels: Labels): void {
  matched.forEach((place, i) => {
    const first = matched.indexOf(place);
    if (first === i) return;
    throw new AppError(
      'DATASET_INVALID',
      `classes ${JSON.stringify(names[first])} and ${JSON.stringify(names[i])} are both the model's ${labels[place]!.label}; merge them`,
    );
  });
}
