// calibration-pictures.ts: the pictures that a network is tried with in 8 bits: some of a folder, spread evenly, and their classes where the
// folder says them.

import path from 'node:path';
import { scanDataset } from '../../dataset/scan.ts';
import { loadImages } from '../../images/loader.ts';
import { pathReferences, type ImageReference } from '../../images/source.ts';
import { AppError } from '../../util/errors.ts';
import { isThere } from '../../util/files.ts';
import type { Preprocessing } from '../../util/preprocessing.ts';
import { matchClasses, ownLabels, putsOutClasses } from '../classes.ts';
import type { ModelDescription } from '../../artefact/model.ts';
import { throwIfAborted, workOf, type Work } from '../work.ts';

/** More change neither the ranges nor the verdict. */
const MOST = 200;
/** Of fewer, one more or less decides whether the network is adopted. */
const ENOUGH = 50;

/** Pictures that are prepared one at a time. */
const AHEAD = 8;

export interface CalibrationPicture {
  /** `[H,W,3]` uint8 */
  readonly pixels: Uint8Array;
  /** The class number of the network; undefined where it is not known. */
  readonly truth: number | undefined;
}

/** @throws AppError DATASET_NOT_FOUND */
export async function checkCalibrationFolder(folder: string): Promise<void> {
  if (await isThere(folder)) return;
  throw new AppError('DATASET_NOT_FOUND', `--calibrate ${folder}: no such folder; name one with a hundred pictures or more, such as the network will see`); // prettier-ignore
}

/** @throws AppError DATASET_INVALID where no picture can be read, INTERRUPTED */
export async function calibrationPictures(
  folder: string,
  { model, preprocessing }: { readonly model: ModelDescription; readonly preprocessing: Preprocessing },
  work: Work,
): Promise<readonly CalibrationPicture[]> {
  const truth = await classesOf(folder, model, work.signal);
  const prepare = { decode: { ignoreExif: false }, preprocessings: [preprocessing], keepOriginal: false };
  const pictures: CalibrationPicture[] = [];
  const failed: { readonly file: string; readonly error: AppError }[] = [];
  for await (const image of loadImages(spread(folder, work.signal), prepare, AHEAD)) {
    throwIfAborted(work);
    if ('error' in image) failed.push(image);
    else pictures.push({ pixels: image.pixels[0]!, truth: truth.get(path.resolve(image.file)) });
    work.progress({ task: 'quantize', done: pictures.length, text: `${pictures.length} pictures` });
  }
  if (pictures.length === 0) {
    throw new AppError('DATASET_INVALID', `--calibrate ${folder} has no picture that can be read (${failed[0]?.error.message ?? 'it is empty'}); expected a hundred or more, such as the network will see`); // prettier-ignore
  }
  for (const { file, error } of failed) work.note(`left out: ${file}: ${error.message}`);
  if (pictures.length < ENOUGH) {
    work.note(`${pictures.length} pictures are few to judge by; with a hundred or more the ranges and the verdict are better`); // prettier-ignore
  }
  return pictures;
}

/** As many as are taken, from all of the folder: its pictures are often in the order of their classes. */
async function* spread(folder: string, signal: AbortSignal): AsyncGenerator<ImageReference, void, undefined> {
  const all: ImageReference[] = [];
  for await (const reference of pathReferences(folder, signal)) all.push(reference);
  const count = Math.min(all.length, MOST);
  for (let i = 0; i < count; i++) yield all[Math.floor((i * all.length) / count)]!;
}

/** The class of each picture by its path; nothing where the folder is no dataset of the network's classes. */
async function classesOf(
  folder: string,
  model: ModelDescription,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  try {
    const { classes, train, val = [], test = [] } = await scanDataset(folder, { signal });
    const labels = await ownLabels(model, putsOutClasses(model)!, workOf({}));
    const places = matchClasses(classes, labels, model.name);
    const alone = [...train, ...val, ...test].filter((sample) => sample.labels.length === 1);
    return new Map(alone.map((sample) => [path.resolve(sample.path), places[sample.labels[0]!]!]));
  } catch (error) {
    if (error instanceof AppError && error.code !== 'INTERRUPTED') return new Map();
    throw error;
  }
}
