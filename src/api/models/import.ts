// import.ts: a checkpoint or a foreign model folder -> a model folder of finch. Code inside pickles is never run.

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { StoredDtype } from '../../artefact/shards.ts';
import { parseChoice } from '../../config/parse.ts';
import { applyOverrides, preprocessingOverrides, type PreprocessingFlags } from '../../config/preprocessing.ts';
import { countParameters } from '../../graph/cost.ts';
import { refuseInfinite } from '../../graph/finite.ts';
import { outputOf } from '../../graph/output.ts';
import { readLabelFile } from '../../labels.ts';
import { importedModels } from '../../store/home.ts';
import { readHubFolder, type HubFolder } from '../../store/hub-folder.ts';
import { importCheckpoint } from '../../store/import.ts';
import { AppError, openingProblem } from '../../util/errors.ts';
import { sha256OfFile } from '../../util/files.ts';
import type { PictureSize, Preprocessing } from '../../util/preprocessing.ts';
import { quoted } from '../../util/quoted.ts';
import { findArchitecture } from '../../zoo/architectures.ts';
import { firstRecord, publishedFile } from '../../zoo/published.ts';
import type { WeightsRecord } from '../../zoo/record.ts';
import { inputSize } from '../network.ts';
import { refuseLosses } from '../outputs.ts';
import type { Work } from '../work.ts';
import { checkModelPlace, inModelPlace } from './model-place.ts';

export interface ImportFlags extends PreprocessingFlags {
  readonly arch?: string;
  readonly name?: string;
  readonly labels?: string;
  readonly dtype: string;
  readonly out?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly force?: boolean;
}

export interface ImportedModel {
  readonly name: string;
  readonly folder: string;
  readonly parameters: number;
  readonly dtype: StoredDtype;
}

/**
 * Reads a checkpoint or a foreign model folder and keeps it as a model folder.
 * @throws AppError for a file that is missing, damaged, unsafe or of another network
 */
export async function importModel(file: string, flags: ImportFlags, work: Work): Promise<ImportedModel> {
  const dtype: StoredDtype = parseChoice(flags.dtype, '--dtype', ['float32', 'float16'] as const);
  const name =
    flags.name ??
    (path.basename(path.resolve(file)).replace(/\.(pth|pt|bin|safetensors|tar)$/i, '') || 'model');
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) {
    throw new AppError('USAGE', `--name must be of letters, digits, '_', '-' and '.', received ${quoted(name)}`);
  }
  const folder = flags.out ?? path.join(importedModels(), name);
  const output = { flag: flags.out === undefined ? '--name' : '--out', file: folder };
  const place = { output, force: flags.force ?? false, otherwise: 'choose another --name or --out' };
  await checkModelPlace(place);
  await refuseLosses([output], { model: file, files: [file, flags.labels] });
  const assumed: string[] = [];
  const model = await readSource(file, { name, flags, dtype, assumed }, work);
  await inModelPlace(place, () => writeModelFolder(folder, model, { dtype }), work.signal);
  for (const text of assumed) work.note(text);
  return { name, folder, parameters: countParameters(model.graph), dtype };
}

interface Reading {
  readonly name: string;
  readonly flags: ImportFlags;
  readonly dtype: StoredDtype;
  /** What was taken for granted, to be said once the model is written. */
  readonly assumed: string[];
}

async function readSource(file: string, reading: Reading, work: Work): Promise<Model> {
  const found = await stat(file).catch(cannotOpen(file));
  const hub = found.isDirectory() ? await readHubFolder(file) : undefined;
  const read =
    found.isDirectory() && !hub
      ? await readFolder(file, reading)
      : await readCheckpoint(hub?.weights ?? file, reading, hub, work);
  const { labels } = reading.flags;
  if (labels === undefined) return read;
  const { classes } = outputOf(read.graph);
  const names = (await readLabelFile(labels, classes, (text) => work.note(text))).map(({ label }) => label);
  return { ...read, labels: { set: 'own', names } };
}

const cannotOpen = (file: string) => (cause: unknown) => {
  if (cause instanceof AppError) throw cause;
  const problem = openingProblem(cause, 'no such file or folder');
  throw new AppError('MODEL_NOT_FOUND', `cannot open ${file}: ${problem}`, { cause });
};

async function readFolder(folder: string, { name, flags }: Reading): Promise<Model> {
  const model = await readModelFolder(folder);
  for (const [weight, { data }] of model.weights) refuseInfinite(data, weight, folder);
  const preprocessing = overridden(model.preprocessing, flags, { name, size: inputSize(model.graph) });
  return { ...model, name, ...(preprocessing && { preprocessing }) };
}

/** Preprocessing as the flags want it; without flags as it was, and unknown if it was. */
function overridden<Own extends Preprocessing | undefined>(
  own: Own,
  flags: ImportFlags,
  model: { readonly name: string; readonly size: PictureSize },
): Own | Preprocessing {
  const overrides = preprocessingOverrides(flags);
  return Object.keys(overrides).length === 0 ? own : applyOverrides(own, overrides, model);
}

async function readCheckpoint(
  file: string,
  { name, flags, dtype, assumed }: Reading,
  hub: HubFolder | undefined,
  work: Work,
): Promise<Model> {
  const sha256 = await sha256OfFile(file).catch(cannotOpen(file));
  const published = publishedFile(path.basename(file), sha256);
  const note = (text: string) => work.note(text);
  const architecture = flags.arch ?? published?.record.architecture;
  if (architecture !== undefined) findArchitecture(architecture);
  return importCheckpoint(file, {
    ...(architecture !== undefined && { architecture }),
    hints: [...(hub ? [hub.architecture] : []), path.basename(path.resolve(file)), path.basename(path.dirname(path.resolve(file)))],
    isPublished: published !== undefined,
    preprocessingOf: (found) => {
      const final = (own: Preprocessing) => overridden(own, flags, { name, size: own.size });
      if (hub) return final(hub.preprocessing);
      const isOf = published?.record.architecture === found;
      const record = isOf ? published.record : firstRecord(found);
      if (!record) throw new AppError('USAGE', `${found}: no weights of it are published that say how pictures are prepared`); // prettier-ignore
      if (!givesAll(flags)) assumed.push(assumption(record, isOf ? published.by : undefined));
      return final(record.preprocessing);
    },
    onNote: note,
    name,
    provenance: {
      source: flags.source ?? path.basename(file),
      sha256,
      ...(flags.licence !== undefined && { licence: flags.licence }),
      changes: `converted to a tf.LayersModel${dtype === 'float16' ? '; weights rounded to float16' : '; values unchanged'}`,
    },
    ...(hub?.labels && { labels: { set: 'own', names: hub.labels } as const }),
  });
}

/** Whether the flags leave nothing to be assumed. */
const givesAll = ({ minSide, crop, interpolation, mean, std }: ImportFlags) =>
  [minSide, crop, interpolation, mean, std].every((flag) => flag !== undefined);

/** How pictures are assumed to be prepared, and why: the numbers of a checkpoint do not say it. */
function assumption({ name, preprocessing }: WeightsRecord, by: 'sha256' | 'name' | undefined): string {
  const { resize, size, interpolation } = preprocessing;
  const why =
    by === 'sha256'
      ? `the file is ${name}, by its sha256`
      : by === 'name'
        ? `the file has the name of ${name}`
        : `${name} are the first published weights of this network`;
  return `assumed: pictures are prepared as for ${name}, the short side ${resize} pixels (${interpolation}), of which the middle ${size} are seen, since ${why}; --min-side, --crop, --interpolation, --mean and --std change it`;
}
