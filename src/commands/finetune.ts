// finetune.ts: from a folder of pictures to a network that knows them: which run it is, and where it begins.

import path from 'node:path';
import { DEFAULT_MODEL } from '../config/inference.ts';
import { fingerprintChanges, fingerprintOf, type Fingerprint } from '../dataset/fingerprint.ts';
import { datasetName } from '../dataset/scan.ts';
import { selectEngine } from '../engine/select.ts';
import { finetuneConfig, type FinetuneConfig, type FinetuneFlags } from '../config/finetune.ts';
import { readCheckpoint } from '../run/checkpoint.ts';
import {
  aloneInRunFolder,
  exists,
  latestRunFolder,
  makeFolder,
  newRunFolder,
  readJson,
  refuseUsedFolder,
  runPaths,
  tidyRunFolder,
} from '../run/run-folder.ts';
import { AppError, type ExitCodeValue } from '../util/errors.ts';
import { statusLine } from '../util/progress.ts';
import { divideDataset, type DividedDataset } from './finetune/data.ts';
import { newNetwork } from './finetune/network.ts';
import { readRunConfig, writeRunConfig, type RunRequest } from './finetune/run-config.ts';
import { train, type BegunRun } from './finetune/train.ts';
import { openModel } from './loading.ts';
import { note, type Output } from './output.ts';

/** @param flags as given; what is absent is the recipe's, or of a run that goes on its own */
export async function finetune(
  dataset: string | undefined,
  flags: FinetuneFlags,
  output: Output,
): Promise<ExitCodeValue> {
  const run = await chosenRun(dataset, flags);
  const { config, former } = run;
  const opened = await openModel(config, output);
  const divided = await divideDataset(config, output, former?.fingerprint);
  const parts = { config, opened, divided, network: newNetwork(opened, divided, config.settings) };
  if (config.previewAugment !== undefined || config.findRate !== undefined) {
    const { lookAhead } = await import('./finetune/look-ahead.ts');
    return lookAhead(parts, output);
  }
  // Before its folder is made: an engine or a device that is not there leaves no run behind.
  const engine = await selectEngine(config);
  const folder = run.folder ?? (await newFolder(run));
  return aloneInRunFolder(folder, async () => {
    const begun = await beginRun(run, { folder, divided }, output);
    return train(begun, { ...parts, engine }, output);
  });
}

interface Run {
  readonly request: RunRequest;
  readonly config: FinetuneConfig;
  /** Of a run that goes on: its folder, and what it found, unless it was stopped before that. */
  readonly folder?: string;
  readonly former?: FoundBefore;
}

/** What a run has found out about its pictures. */
interface FoundBefore {
  readonly fingerprint: Fingerprint;
  readonly failed: readonly string[];
}

async function chosenRun(dataset: string | undefined, flags: FinetuneFlags): Promise<Run> {
  const given = await withWholePath(flags);
  const { resume } = given;
  if (resume !== undefined) {
    const folder = resume === true ? await latestRunFolder(runName(requiredDataset(dataset), given)) : resume;
    const asked = { flags: given, ...(dataset !== undefined && { dataset }) };
    const paths = runPaths(folder);
    const stored = await readRunConfig(paths.config, asked);
    if (!(await exists(paths.dataset))) return { folder, ...stored };
    return { folder, ...stored, former: (await readJson(paths.dataset)) as FoundBefore };
  }
  const request = {
    dataset: requiredDataset(dataset),
    flags: { ...given, model: given.model ?? DEFAULT_MODEL },
  };
  return { request, config: finetuneConfig(request.dataset, request.flags) };
}

/** A model folder is found again from wherever the run goes on. */
async function withWholePath(flags: FinetuneFlags): Promise<FinetuneFlags> {
  const { model } = flags;
  const isFolder = model !== undefined && (await exists(path.join(model, 'model.json')));
  return isFolder ? { ...flags, model: path.resolve(model) } : flags;
}

function requiredDataset(dataset: string | undefined): string {
  if (dataset !== undefined) return dataset;
  throw new AppError(
    'USAGE',
    'no DATASET: name a folder of class folders, or a run to go on with: --resume DIR',
  );
}

function runName(dataset: string, { model }: Pick<FinetuneFlags, 'model'>): string {
  return `${datasetName(dataset)}-${path.basename(path.resolve(model ?? DEFAULT_MODEL))}`;
}

/** Where a run will be that was never begun. */
async function newFolder({ request, config: { model, out } }: Run): Promise<string> {
  if (out === undefined) return newRunFolder(runName(request.dataset, { model }));
  await makeFolder(out);
  return out;
}

interface Beginning {
  readonly folder: string;
  readonly divided: DividedDataset;
}

/** Writes down what a new run is, or finds where one stopped. @throws AppError CHECKPOINT_INVALID when the dataset is another now */
async function beginRun(
  run: Run,
  { folder, divided: { dataset, contents } }: Beginning,
  output: Output,
): Promise<BegunRun> {
  const { request, config, former } = run;
  const paths = runPaths(folder);
  if (run.folder === undefined) {
    await refuseUsedFolder(folder);
    await writeRunConfig(paths.config, request, config);
    note(output, `run: ${folder}`);
  } else await tidyRunFolder(paths);
  const status = statusLine(output.stderr);
  const fingerprint = await fingerprintOf(dataset, contents, (done, of) =>
    status.update(`reading: ${done} of ${of} pictures`),
  ).finally(() => status.clear());
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
  note(output, `going on with ${folder} after epoch ${epoch}${batch > 0 ? ` and ${batch} steps` : ''}`);
  return { paths, fingerprint, former: { checkpoint, failed: former.failed } };
}
