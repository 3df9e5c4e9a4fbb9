// chosen-run.ts: which training run is meant by a dataset and flags: a new one, or one that goes on, and its settings and folder.

import path from 'node:path';
import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneConfig, GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { DEFAULT_MODEL } from '../../config/default-model.ts';
import type { Dataset } from '../../dataset/dataset.ts';
import type { Fingerprint } from '../../dataset/fingerprint.ts';
import { datasetName } from '../../dataset/scan.ts';
import { DATASET_RECORD, readRunRecord } from '../../run/records.ts';
import { latestRunFolder, newRunFolder, runPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, makeFolder } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import type { Work } from '../work.ts';
import { goesOnAfter } from './longer-run.ts';
import { readRunConfig, type RunRequest } from './run-config.ts';

/** Which run it is: one that has not begun, or one that goes on. */
export interface Run {
  readonly request: RunRequest;
  readonly config: FinetuneConfig;
  /** For a resumed run: its folder, and what it had found out about its pictures, unless it stopped before that. */
  readonly folder?: string;
  readonly former?: FoundBefore;
  /** It was finished, and goes on with more epochs than it was begun with. */
  readonly isLonger?: true;
}

/** What a run has found out about its pictures. */
interface FoundBefore {
  readonly fingerprint: Fingerprint;
  readonly failed: readonly string[];
}

/** @param flags as given. @throws AppError USAGE, CHECKPOINT_INVALID */
export async function chosenRun(dataset: string | undefined, flags: GivenFinetuneFlags): Promise<Run> {
  const given = await withWholePaths(flags, dataset);
  const { resume } = given;
  if (resume !== undefined) {
    const folder = await resumedFolder(dataset, given);
    const paths = runPaths(folder);
    const after = await goesOnAfter(paths, given);
    const { epochs, ...others } = given;
    const asked = {
      flags: after === undefined ? given : others,
      ...(dataset !== undefined && { dataset }),
    };
    const stored = await readRunConfig(paths.config, asked);
    const former = await readRunRecord(paths.dataset, DATASET_RECORD);
    // The run has not yet recorded anything that could show that another place holds the same pictures.
    if (!former && stored.hasMoved) {
      throw new AppError(
        'USAGE',
        `--resume: ${folder} was stopped before it had read its dataset; start a new run on ${stored.request.dataset}`,
      );
    }
    const known = { folder, ...stored, ...(former && { former }) };
    return after === undefined || epochs === undefined ? known : longer(known, after, epochs);
  }
  const request = {
    dataset: requiredDataset(dataset),
    flags: { ...given, model: given.model ?? DEFAULT_MODEL },
    continuedAfter: [],
  };
  return { request, config: finetuneConfig(request.dataset, request.flags) };
}

/** The same run with more epochs. */
function longer(run: Run, after: number, epochs: string): Run {
  const { dataset, flags, continuedAfter } = run.request;
  const request = { dataset, flags: { ...flags, epochs }, continuedAfter: [...continuedAfter, after] };
  return { ...run, request, config: finetuneConfig(dataset, request.flags), isLonger: true };
}

/** The run to go on with: the folder that `--resume` or `--out` names, else the latest of this dataset. @throws AppError USAGE */
async function resumedFolder(dataset: string | undefined, flags: GivenFinetuneFlags): Promise<string> {
  const { resume, out } = flags;
  if (typeof resume !== 'string') return out ?? latestRunFolder(runName(requiredDataset(dataset), flags));
  if (out !== undefined && path.resolve(out) !== path.resolve(resume)) {
    throw new AppError(
      'USAGE',
      `--resume ${quoted(resume)} goes on in that folder, and --out names another, ${quoted(out)}; leave --out out`,
    );
  }
  return resume;
}

/** Makes the paths among the flags absolute, so that the run can be resumed from any folder. */
export async function withWholePaths(
  flags: GivenFinetuneFlags,
  dataset: string | undefined,
): Promise<GivenFinetuneFlags> {
  const { model, join, root, manifest } = flags;
  // A csv inside the dataset moves with it, and --manifest may also be names of columns.
  const isInside = manifest !== undefined && (await isThere(path.join(dataset ?? '.', manifest)));
  const isHere = manifest !== undefined && !isInside && (await isThere(manifest));
  return {
    ...flags,
    ...(model !== undefined && { model: await wholeModel(model) }),
    ...(join !== undefined && { join: await wholeModel(join) }),
    ...(root !== undefined && { root: path.resolve(root) }),
    ...(isHere && { manifest: path.resolve(manifest) }),
  };
}

/** A model's folder by its absolute path; a name as it is. */
export async function wholeModel(model: string): Promise<string> {
  return (await isThere(path.join(model, 'model.json'))) ? path.resolve(model) : model;
}

function requiredDataset(dataset: string | undefined): string {
  if (dataset !== undefined) return dataset;
  throw new AppError(
    'USAGE',
    'no DATASET: name a folder of class folders, or a run to go on with: --resume DIR',
  );
}

function runName(dataset: string, { model }: Pick<GivenFinetuneFlags, 'model'>): string {
  return `${datasetName(dataset)}-${path.basename(path.resolve(model ?? DEFAULT_MODEL))}`;
}

/** The folder of a run that has not begun before. */
export async function newFolder({ request, config: { model, out } }: Run): Promise<string> {
  if (out === undefined) return newRunFolder(runName(request.dataset, { model }));
  await makeFolder(out);
  return out;
}

/** A foreign network does not learn: without --epochs its run is stage 1. @throws AppError USAGE for what belongs to stage 2 */
export function headOnly(run: Run, name: string, work: Work): Run {
  const { findRate, settings, dataset } = run.config;
  if (settings.epochs === 0) return run;
  const { epochs } = run.request.flags;
  const asked = findRate === undefined ? epochs && `--epochs ${epochs}` : '--find-lr';
  if (asked !== undefined) {
    throw new AppError(
      'USAGE',
      `${asked}: ${quoted(name)} is a foreign network, which finch runs but does not train; without ${asked} only a head on it is trained`,
    );
  }
  work.note('a foreign network is not trained: only a head on it, as with --epochs 0');
  const flags = { ...run.request.flags, epochs: '0' };
  return { ...run, request: { ...run.request, flags }, config: finetuneConfig(dataset, flags) };
}

/** @throws AppError USAGE when a share was given for a dataset that is divided already */
export function refuseUnusedSplit(
  { valSplit }: GivenFinetuneFlags,
  { val, layout }: Dataset,
  root: string,
): void {
  if (valSplit === undefined || !val) return;
  throw new AppError(
    'USAGE',
    `--val-split divides datasets that are not divided, ${root} is: ${layout}; leave it out`,
  );
}
