// run.ts: decides which training run to make and where it begins, and runs it from a folder of pictures to a trained network.

import { readdir, rm } from 'node:fs/promises';
import { finetuneConfig } from '../../config/finetune.ts';
import type { GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { fingerprintChanges, type Fingerprint } from '../../dataset/fingerprint.ts';
import { selectEngine } from '../../engine/select.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { readCheckpoint } from '../../run/checkpoint.ts';
import {
  aloneInRunFolder,
  checkNewFolder,
  refuseUsedFolder,
  RUNS,
  runPaths,
  tidyRunFolder,
} from '../../run/run-folder.ts';
import { parseShardName } from '../../shards/names.ts';
import { AppError } from '../../util/errors.ts';
import { checkOutputFolder, checkOutputs } from '../../util/outputs.ts';
import { shellWord } from '../../util/shell-word.ts';
import type { OpenedNetwork } from '../network.ts';
import { datasetRead, outputsOf, refuseLosses } from '../outputs.ts';
import type { Work } from '../work.ts';
import { chosenRun, headOnly, newFolder, refuseUnusedSplit, type Run } from './chosen-run.ts';
import { divideDataset, fingerprintFor, type DividedDataset } from './data.ts';
import { openForTraining } from './joined-network.ts';
import { planFor } from './measured.ts';
import { newNetwork } from './new-network.ts';
import type { FinishedRun } from './results.ts';
import { longerText } from './settings-in-words.ts';
import { writeRunConfig } from './run-config.ts';
import type { RunParts } from './stage-one.ts';
import { train, type BegunRun } from './train.ts';

/** A run whose settings are all known before anything is computed or written. */
export interface PreparedRun extends RunParts {
  readonly run: Run;
}

/**
 * Decides which run it is, with which pictures and which network.
 * @param flags as given; an absent flag has the recipe's value, or the run's own value when a run is resumed
 * @param known files that need not be read again where they have not changed since
 */
export async function prepareRun(
  dataset: string | undefined,
  flags: GivenFinetuneFlags,
  work: Work,
  known?: Fingerprint,
): Promise<PreparedRun> {
  const began = performance.now();
  const chosen = await chosenRun(dataset, flags);
  const pages = outputsOf({
    '--find-lr': chosen.config.findRate,
    '--preview-augment': chosen.config.previewAugment,
  });
  await checkOutputs(pages);
  if (pages.length === 0) await checkRunFolder(chosen);
  const { run, opened } = await withNetwork(chosen, work);
  const { config, former } = run;
  await refuseShards(config.dataset);
  const divided = await divideDataset(config, work, former?.fingerprint ?? known);
  if (run.folder === undefined) refuseUnusedSplit(flags, divided.dataset, config.dataset);
  await refuseLosses(pages, datasetRead(config, divided.dataset));
  const parts = { run, config, opened, divided, began };
  const { minutes } = config.settings;
  if (minutes !== undefined && run.folder === undefined) return planned(parts, minutes, work);
  return { ...parts, network: newNetwork(opened, divided, config.settings) };
}

/** @throws AppError USAGE for a folder of shards, which have no pictures to learn from but their features */
async function refuseShards(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.some((name) => parseShardName(name)?.kind === 'features')) return;
  throw new AppError('USAGE', `${folder} has shards of features, and no pictures; a head learns from them with: finch shards learn ${shellWord(folder)}`); // prettier-ignore
}

/** What `prepareRun` refuses of a new run, for a dataset that is divided already. Nothing is computed or written. */
export async function checkRun(
  flags: GivenFinetuneFlags,
  { dataset, divided }: { readonly dataset: string; readonly divided: DividedDataset },
  work: Work,
): Promise<void> {
  const { run, opened } = await withNetwork(await chosenRun(dataset, flags), work);
  refuseUnusedSplit(flags, divided.dataset, dataset);
  newNetwork(opened, divided, run.config.settings);
}

async function withNetwork(
  run: Run,
  work: Work,
): Promise<{ readonly run: Run; readonly opened: OpenedNetwork }> {
  const opened = await openForTraining(run.config, work);
  return { opened, run: isOpaque(opened.model.graph) ? headOnly(run, opened.model.name, work) : run };
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
  const opened = await openForTraining(config, work);
  const network = newNetwork(opened, parts.divided, config.settings);
  return { ...parts, run: { ...run, request, config }, config, opened, network };
}

/** Before anything is computed: the folder can be written, and a new run has it for itself. */
async function checkRunFolder({ folder, config: { out } }: Run): Promise<void> {
  await checkOutputFolder(
    folder === undefined ? { flag: '--out', file: out ?? RUNS } : { flag: '--resume', file: folder },
  );
  if (folder === undefined && out !== undefined) await checkNewFolder(out);
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

interface Beginning {
  readonly folder: string;
  readonly divided: DividedDataset;
}

/** Records what a new run is, or finds where one stopped. @throws AppError CHECKPOINT_INVALID when the dataset has changed */
async function beginRun(run: Run, { folder, divided }: Beginning, work: Work): Promise<BegunRun> {
  const { request, config, former } = run;
  const paths = runPaths(folder);
  if (run.folder === undefined) {
    await refuseUsedFolder(folder);
    const { root = request.flags.root } = divided.dataset;
    const flags = { ...request.flags, ...(root !== undefined && { root }) };
    await writeRunConfig(paths.config, { ...request, flags }, config);
    work.note(`run: ${folder}`);
  } else await tidyRunFolder(paths);
  const fingerprint = await fingerprintFor(divided, work);
  const checkpoint = await readCheckpoint(paths.checkpoint);
  const { continuedAfter } = request;
  const isKnown = former && (checkpoint || run.isLonger);
  if (!isKnown) return { paths, fingerprint, continuedAfter };
  const changes = fingerprintChanges(former.fingerprint, fingerprint);
  if (changes !== undefined) {
    throw new AppError(
      'CHECKPOINT_INVALID',
      `--resume: ${config.dataset} is not what it was when ${folder} was begun: ${changes}; put it back, or start a new run`,
    );
  }
  if (run.isLonger) {
    await writeRunConfig(paths.config, request, config);
    // It is of the run as it was: from now on the run is not finished.
    await rm(paths.summary, { force: true });
    work.note(longerText(config.settings, continuedAfter.at(-1)!));
  }
  if (!checkpoint) return { paths, fingerprint, continuedAfter };
  const { epoch, batch } = checkpoint.progress;
  const isLast = epoch > 0 && epoch === config.settings.epochs;
  const place = `epoch ${epoch}${batch > 0 ? ` and ${batch} steps` : ''}`;
  work.note(`going on with ${folder} after ${place}${isLast ? ', its last; a larger --epochs would add more' : ''}`); // prettier-ignore
  return { paths, fingerprint, continuedAfter, former: { checkpoint, failed: former.failed } };
}
