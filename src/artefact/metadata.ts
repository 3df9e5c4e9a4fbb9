// metadata.ts: what finch keeps in a model's `userDefinedMetadata`, written and read back with every field checked.

import { AppError } from '../util/errors.ts';
import {
  INTERPOLATIONS,
  MAX_SIDE,
  RESIZE_MODES,
  sidesOf,
  type PictureSize,
  type Preprocessing,
  type Rgb,
} from '../util/preprocessing.ts';
import type { FieldReader } from './json.ts';
import type { LabelSource, ModelDescription, Provenance } from './model.ts';
import { readNoveltyFacts, type NoveltyFacts } from './novelty-facts.ts';
import { readQuantizationFacts } from './quantization-facts.ts';
import { oneOf, readTextFacts, type TextFacts } from './text-facts.ts';

/** The version increases when a reader of the former format would misread the new one. */
const VERSION = 1;

/** The file of a foreign network. Named by its content, a new one never overwrites the one that the former model.json names. */
export const NETWORK_NAME = /^network-[0-9a-f]{16}\.onnx$/;

/** Everything of a model but its graph and weights. */
export type Metadata = Omit<ModelDescription, 'graph'> & {
  /** The file of the foreign network. */
  readonly network?: string;
  /** The half that takes texts. */
  readonly text?: TextFacts;
  /** What tells unknown pictures. */
  readonly novelty?: NoveltyFacts;
  /** sha256 of each weight file; what `models verify` compares. */
  readonly shards?: ReadonlyMap<string, string>;
};

export function metadataJson({ name, shards, ...rest }: Metadata): object {
  return {
    finch: { version: VERSION, name, ...rest, ...(shards && { shards: Object.fromEntries(shards) }) },
  };
}

/** @param field `userDefinedMetadata.finch`. @throws AppError MODEL_INVALID */
export function readMetadata(field: FieldReader): Metadata {
  const version = field.number('version');
  if (version !== VERSION) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `${field.where}: version ${version}, this finch reads ${VERSION}. Update finch.`,
    );
  }
  return {
    name: field.string('name'),
    ...(field.has('preprocessing') && { preprocessing: readPreprocessing(field.object('preprocessing')) }),
    ...(field.has('labels') && { labels: readLabels(field.object('labels')) }),
    ...(field.has('architecture') && { architecture: field.string('architecture') }),
    ...(field.has('classifier') && { classifier: field.string('classifier') }),
    ...(field.has('embedding') && { embedding: field.string('embedding') }),
    ...(field.has('gives') && { gives: oneOf(field, 'gives', ['features']) }),
    ...(field.has('network') && { network: field.string('network') }),
    ...(field.has('text') && { text: readTextFacts(field.object('text')) }),
    ...(field.has('novelty') && { novelty: readNoveltyFacts(field.object('novelty')) }),
    ...(field.has('int8') && { int8: readQuantizationFacts(field.object('int8')) }),
    ...(field.has('provenance') && { provenance: readProvenance(field.object('provenance')) }),
    ...(field.has('shards') && { shards: readHashes(field.object('shards')) }),
  };
}

/** @throws AppError MODEL_INVALID */
export function readPreprocessing(field: FieldReader): Preprocessing {
  const preprocessing = {
    size: readSize(field),
    resize: field.number('resize'),
    mode: oneOf(field, 'mode', RESIZE_MODES),
    ...(field.has('cropOffset') && { cropOffset: oneOf(field, 'cropOffset', ['down']) }),
    interpolation: oneOf(field, 'interpolation', INTERPOLATIONS),
    mean: field.numbers('mean', 3) as unknown as Rgb,
    std: field.numbers('std', 3) as unknown as Rgb,
  };
  const sides = [...sidesOf(preprocessing.size), preprocessing.resize];
  if (!sides.every((side) => Number.isSafeInteger(side) && side >= 1 && side <= MAX_SIDE)) {
    throw new AppError('MODEL_INVALID', `${field.where}: sides must be whole numbers from 1 to ${MAX_SIDE}`);
  }
  if (!preprocessing.std.every((value) => value > 0)) {
    throw new AppError('MODEL_INVALID', `${field.where}.std: expected numbers above 0`);
  }
  return preprocessing;
}

/** The side of a square, or height and width. */
function readSize(field: FieldReader): PictureSize {
  if (!Array.isArray(field.raw('size'))) return field.number('size');
  return field.numbers('size', 2) as unknown as PictureSize;
}

function readLabels(field: FieldReader): LabelSource {
  return oneOf(field, 'set', ['imagenet', 'own']) === 'imagenet'
    ? { set: 'imagenet' }
    : { set: 'own', names: field.strings('names') };
}

function readProvenance(field: FieldReader): Provenance {
  const optional = ['sha256', 'licence', 'changes'] as const;
  const present = optional.filter((key) => field.has(key)).map((key) => [key, field.string(key)]);
  return { source: field.string('source'), ...Object.fromEntries(present) };
}

function readHashes(field: FieldReader): ReadonlyMap<string, string> {
  return new Map(field.keys().map((key) => [key, field.string(key)]));
}
