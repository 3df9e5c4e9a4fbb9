// run.ts: decides which training run to make and where it begins, and runs it from a folder of pictures to a trained network.

import path from 'node:path';
import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneConfig, GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { DEFAULT_MODEL } from '../../config/default-model.ts';
import type { Dataset } from '../../dataset/dataset.ts';
import { fingerprintChanges, fingerprintOf, type Fingerprint } from '../../dataset/fingerprint.ts';
import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { readCheckpoint } from '../../run/checkpoint.ts';
import { DATASET_RECORD, readRunRecord } from '../../run/records.ts';
import {
  aloneInRunFolder,
  checkNewFolder,
  latestRunFolder,
  newRunFolder,
  refuseUsedFolder,
  RUNS,
  runPaths,
  tidyRunFolder,
} from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, makeFolder } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import { checkOutputFolder, checkOutputs } from '../../util/outputs.ts';
import { openNetwork } from '../network.ts';
import { datasetRead, outputsOf, refuseLosses } from '../outputs.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { divideDataset, type DividedDataset } from './data.ts';
import { planFor } from './measured.ts';
import { newNetwork } from './new-network.ts';
import type { FinishedRun } from './results.ts';
import { readRunConfig, writeRunConfig, type RunRequest } from './run-config.ts';
import type { RunParts } from './stage-one.ts';
import { train, type BegunRun } from './train.ts';

/** A run whose settings are all known before anything is computed or written. */
export interface PreparedRun extends RunParts {
  readonly run: Run;
}

/**
 * Decides which run it is, with which pictures and which network.
 * @param flags as given; an absent flag has the recipe's value, or the run's own value when a run is resumed
 */
export async function prepareRun(
  dataset: string | undefined,
  flags: GivenFinetuneFlags,
  work: Work,
): Promise<PreparedRun> {
  const began = performance.now();
  const chosen = await chosenRun(dataset, flags);
  const pages = outputsOf({
    '--find-lr': chosen.config.findRate,
    '--preview-augment': chosen.config.previewAugment,
  });
  await checkOutputs(pages);
  if (pages.length === 0) await checkRunFolder(chosen);
  const opened = await openNetwork(chosen.config, work);
  const run = isOpaque(opened.model.graph) ? headOnly(chosen, opened.model.name, work) : chosen;
  const { config, former } = run;
  const divided = await divideDataset(config, work, former?.fingerprint);
  if (run.folder === undefined) refuseUnusedSplit(flags, divided.dataset, config.dataset);
  await refuseLosses(pages, datasetRead(config, divided.dataset));
  const parts = { run, config, opened, divided, began };
  const { minutes } = config.settings;
  if (minutes !== undefined && run.folder === undefined) return planned(parts, minutes, work);
  return { ...parts, network: newNetwork(opened, divided, config.settings) };
}

/** The same run with what its plan adds to the flags. */
async function planned(
  { run, ...parts }: Omit<PreparedRun, 'network'>,
  minutes: number,
  work: Work,
): Promise<PreparedRun> {
  const { dataset } = parts.config;
  const { flags } = run.request;
  const plan = await planFor(minutes, parts, flags, work);
  const request = { ...run.request, flags: { ...flags, ...plan.flags } };
  const config = finetuneConfig(dataset, request.flags);
  const opened = await openNetwork(config, work);
  const network = newNetwork(opened, parts.divided, config.settings);
  return { ...parts, run: { ...run, request, config }, config, opened, network };
}

/** A foreign network does not learn: without --epochs its run is stage 1. @throws AppError USAGE for what belongs to stage 2 */
function headOnly(run: Run, name: string, work: Work): Run {
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

/** Before anything is computed: the folder can be written, and a new run has it for itself. */
async function checkRunFolder({ folder, config: { out } }: Run): Promise<void> {
  await checkOutputFolder(
    folder === undefined ? { flag: '--out', file: out ?? RUNS } : { flag: '--resume', file: folder },
  );
  if (folder === undefined && out !== undefined) await checkNewFolder(out);
}

/** @throws AppError USAGE when a share was given for a dataset that is divided already */
function refuseUnusedSplit({ valSplit }: GivenFinetuneFlags, { val, layout }: Dataset, root: string): void {
  if (valSplit === undefined || !val) return;
  throw new AppError(
    'USAGE',
    `--val-split divides datasets that are not divided, ${root} is: ${layout}; leave it out`,
  );
}

/** From the first feature to the report. @throws AppError INTERRUPTED after what can be saved is saved */
export async function executeRun({ run, ...parts }: PreparedRun, work: Work): Promise<FinishedRun> {
  // The engine is opened before the folder is made: a missing engine or device leaves no run behind.
  const engine = await selectEngine(parts.config);
  const folder = run.folder ?? (await newFolder(run));
  return aloneInRunFolder(folder, async () => {
    const begun = await beginRun(run, { folder, divided: parts.divided }, work);
    return train(begun, { ...parts, engine }, work);
  });
}

interface Run {
  readonly request: RunRequest;
  readonly config: FinetuneConfig;
  /** For a resumed run: its folder, and what it had found out about its pictures, unless it stopped before that. */
  readonly folder?: string;
  readonly former?: FoundBefore;
}

/** What a run has found out about its pictures. */
interface FoundBefore {
  readonly fingerprint: Fingerprint;
  readonly failed: readonly string[];
}

async function chosenRun(dataset: string | undefined, flags: GivenFinetuneFlags): Promise<Run> {
  const given = await withWholePaths(flags, dataset);
  const { resume } = given;
  if (resume !== undefined) {
    const folder = await resumedFolder(dataset, given);
    const asked = { flags: given, ...(dataset !== undefined && { dataset }) };
    const paths = runPaths(folder);
    const stored = await readRunConfig(paths.config, asked);
    const former = await readRunRecord(paths.dataset, DATASET_RECORD);
    // The run has not yet recorded anything that could show that another place holds the same pictures.
    if (!former && stored.hasMoved) {
      throw new AppError(
        'USAGE',
        `--resume: ${folder} was stopped before it had read its dataset; start a new run on ${stored.request.dataset}`,
      );
    }
    return { folder, ...stored, ...(former && { former }) };
  }
  const request = {
    dataset: requiredDataset(dataset),
    flags: { ...given, model: given.model ?? DEFAULT_MODEL },
  };
  return { request, config: finetuneConfig(request.dataset, request.flags) };
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
async function withWholePaths(
  flags: GivenFinetuneFlags,
  dataset: string | undefined,
): Promise<GivenFinetuneFlags> {
  const { model, root, manifest } = flags;
  const isFolder = model !== undefined && (await isThere(path.join(model, 'model.json')));
  // A csv inside the dataset moves with it, and --manifest may also be names of columns.
  const isInside = manifest !== undefined && (await isThere(path.join(dataset ?? '.', manifest)));
  const isHere = manifest !== undefined && !isInside && (await isThere(manifest));
  return {
    ...flags,
    ...(isFolder && { model: path.resolve(model) }),
    ...(root !== undefined && { root: path.resolve(root) }),
    ...(isHere && { manifest: path.resolve(manifest) }),
  };
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
async function newFolder({ request, config: { model, out } }: Run): Promise<string> {
  if (out === undefined) return newRunFolder(runName(request.dataset, { model }));
  await makeFolder(out);
  return out;
}

interface Beginning {
  readonly folder: string;
  readonly divided: DividedDataset;
}

/** Records what a new run is, or finds where one stopped. @throws AppError CHECKPOINT_INVALID when the dataset has changed */
async function beginRun(
  run: Run,
  { folder, divided: { dataset, contents } }: Beginning,
  work: Work,
): Promise<BegunRun> {
  const { request, config, former } = run;
  const paths = runPaths(folder);
  if (run.folder === undefined) {
    await refuseUsedFolder(folder);
    const { root = request.flags.root } = dataset;
    const flags = { ...request.flags, ...(root !== undefined && { root }) };
    await writeRunConfig(paths.config, { ...request, flags }, config);
    work.note(`run: ${folder}`);
  } else await tidyRunFolder(paths);
  const fingerprint = await fingerprintOf(dataset, contents, (done, total) => {
    throwIfAborted(work);
    work.progress({ task: 'scan', done, total, text: `reading: ${done} of ${total} pictures` });
  });
  const checkpoint = await readCheckpoint(paths.checkpoint);
  if (!former || !checkpoint) return { paths, fingerprint };
  const changes = fingerprintChanges(former.fingerprint, fingerprint);
  if (changes !== undefined) {
    throw new AppError(
      'CHECKPOINT_INVALID',
      `--resume: ${config.dataset} is not what it was when ${folder} was begun: ${changes}; put it back, or start a new run`,
    );
  }
  const { epoch, batch } = checkpoint.progress;
  work.note(`going on with ${folder} after epoch ${epoch}${batch > 0 ? ` and ${batch} steps` : ''}`);
  return { paths, fingerprint, former: { checkpoint, failed: former.failed } };
}
