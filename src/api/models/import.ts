// import.ts: a checkpoint, an ONNX file, a folder or a repository from a hub, or a foreign model folder -> a model folder of finch. Code
// inside pickles is never run.

import path from 'node:path';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import { parametersOf, type Model } from '../../artefact/model.ts';
import type { StoredDtype } from '../../artefact/shards.ts';
import { parseChoice, parseNumber } from '../../config/parse.ts';
import { applyOverrides, preprocessingOverrides, type PreprocessingFlags } from '../../config/preprocessing.ts';
import { refuseStatistics, takesBytes } from '../../graph/byte-input.ts';
import { refuseInfinite } from '../../graph/finite.ts';
import { outputOf } from '../../graph/output.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { readLabelFile } from '../../labels.ts';
import { nameOf } from '../../store/foreign-model.ts';
import { importedModels } from '../../store/home.ts';
import { parseHubName } from '../../store/hub/name.ts';
import { PRECISIONS, type Precision } from '../../store/hub/weight-files.ts';
import { resolveModel } from '../../store/models.ts';
import { readForeign } from '../../store/read-foreign.ts';
import { AppError } from '../../util/errors.ts';
import { MAX_SIDE, pictureSize, sidesOf, type PictureSize, type Preprocessing } from '../../util/preprocessing.ts';
import { quoted } from '../../util/quoted.ts';
import { inputSize } from '../network.ts';
import { refuseLosses } from '../outputs.ts';
import { fetchProgress, type Work } from '../work.ts';
import { refuseUnused, sourceOf, type Source } from './import-source.ts';
import { checkModelName, checkModelPlace, inModelPlace } from './model-place.ts';

export interface ImportFlags extends PreprocessingFlags {
  readonly arch?: string;
  readonly size?: string;
  readonly name?: string;
  readonly labels?: string;
  readonly dtype: string;
  readonly out?: string;
  readonly source?: string;
  readonly licence?: string;
  readonly mirror?: string;
  readonly offline?: boolean;
  readonly force?: boolean;
}

export interface ImportedModel {
  readonly name: string;
  readonly folder: string;
  readonly parameters: number;
  readonly dtype: StoredDtype;
}

/** How weights are stored, or which of a folder's ONNX files is read. */
export const IMPORT_DTYPES = ['float32', 'float16', ...PRECISIONS] as const;

interface Reading {
  readonly from: Source;
  readonly name: string;
  readonly flags: ImportFlags;
  readonly dtype: StoredDtype;
  readonly precision: Precision | undefined;
  /** What was assumed; it is said once the model is written. */
  readonly assumed: string[];
}

/**
 * Reads a network of others and keeps it as a model folder.
 * @throws AppError for what is missing, damaged, unsafe or of another network
 */
export async function importModel(file: string, flags: ImportFlags, work: Work): Promise<ImportedModel> {
  const asked = parseChoice(flags.dtype, '--dtype', IMPORT_DTYPES);
  const dtype: StoredDtype = asked === 'float16' ? asked : 'float32';
  const precision = asked === 'float32' || asked === 'float16' ? undefined : asked;
  const from = await sourceOf(file);
  const name = checkModelName(flags.name ?? (from === 'hub' ? parseHubName(file).name : nameOf(file)));
  const folder = flags.out ?? path.join(importedModels(), name);
  const output = { flag: flags.out === undefined ? '--name' : '--out', file: folder };
  const place = { output, force: flags.force ?? false, otherwise: 'choose another --name or --out' };
  refuseUnused(file, from, { ...flags, dtype: precision });
  await checkModelPlace(place);
  await refuseLosses([output], { model: file, files: [file, flags.labels] });
  const assumed: string[] = [];
  const model = await readSource(file, { from, name, flags, dtype, precision, assumed }, work);
  await inModelPlace(place, () => writeModelFolder(folder, model, { dtype }), work.signal);
  for (const text of assumed) work.note(text);
  return { name, folder, parameters: parametersOf(model), dtype };
}

async function readSource(file: string, reading: Reading, work: Work): Promise<Model> {
  const read = await readModel(file, reading, work);
  // A size that a flag asks for, and the network does not take.
  if (read.preprocessing) inferShapes(read.graph, [...sidesOf(read.preprocessing.size), 3]);
  const { labels } = reading.flags;
  if (labels === undefined) return read;
  const { classes } = outputOf(read.graph);
  const names = (await readLabelFile(labels, classes, (text) => work.note(text))).map(({ label }) => label);
  return { ...read, labels: { set: 'own', names } };
}

async function readModel(file: string, reading: Reading, work: Work): Promise<Model> {
  const { from, name, flags, dtype, precision, assumed } = reading;
  const onNote = (text: string) => work.note(text);
  if (from === 'hub') {
    const fetched = await resolveModel(file, {
      offline: flags.offline ?? false,
      ...(flags.mirror !== undefined && { mirror: flags.mirror }),
      precision,
      isNamed: flags.labels !== undefined,
      signal: work.signal,
      onNote,
      onProgress: fetchProgress(`fetching ${file}`, work),
    });
    return readFolder(fetched, reading);
  }
  if (from === 'layers') return readFolder(file, reading);
  const isPlaced = (['minSide', 'crop', 'interpolation'] as const).every((flag) => flags[flag] !== undefined);
  const isComplete = isPlaced && flags.mean !== undefined && flags.std !== undefined;
  return readForeign(file, {
    name,
    architecture: flags.arch,
    precision,
    isNamed: flags.labels !== undefined,
    size: flags.size === undefined ? undefined : parseSize(flags.size),
    provenance: {
      ...(flags.source !== undefined && { source: flags.source }),
      ...(flags.licence !== undefined && { licence: flags.licence }),
      changes: `converted to a tf.LayersModel${dtype === 'float16' ? '; weights rounded to float16' : '; values unchanged'}`,
    },
    prepare: { isComplete, isPlaced, apply: (own, size) => overridden(own, flags, { name, size }) },
    onNote,
    onAssumed: (text) => void assumed.push(text),
  });
}

async function readFolder(folder: string, { name, flags }: Reading): Promise<Model> {
  const { source, licence } = flags;
  const model = await readModelFolder(folder);
  for (const [weight, { data }] of model.weights) refuseInfinite(data, weight, folder);
  const preprocessing = overridden(model.preprocessing, flags, { name, size: inputSize(model.graph) });
  if (takesBytes(model.graph)) refuseStatistics(preprocessing, folder);
  const provenance = {
    ...(model.provenance ?? { source: path.basename(path.resolve(folder)) }),
    ...(source !== undefined && { source }),
    ...(licence !== undefined && { licence }),
  };
  const isTold = model.provenance !== undefined || source !== undefined || licence !== undefined;
  return { ...model, name, ...(isTold && { provenance }), ...(preprocessing && { preprocessing }) };
}

/** `224`, or `96x128`: height and width. @throws AppError USAGE */
function parseSize(text: string): PictureSize {
  const sides = text.split('x').map((side) => parseNumber(side, { flag: '--size', min: 1, max: MAX_SIDE, whole: true }));
  const [height, width = height, ...more] = sides as [number, ...number[]];
  if (more.length > 0) throw new AppError('USAGE', `--size must be a side or HEIGHTxWIDTH, received ${quoted(text)}`);
  return pictureSize(height, width);
}

/** Preprocessing as the flags want it; without flags as it was, and unknown if it was. */
function overridden(
  own: Preprocessing | undefined,
  flags: ImportFlags,
  model: { readonly name: string; readonly size: PictureSize },
): Preprocessing | undefined {
  const overrides = preprocessingOverrides(flags);
  return Object.keys(overrides).length === 0 ? own : applyOverrides(own, overrides, model);
}
