// finetune.ts: from a folder of pictures to a network that knows them: which run it is, and where it begins.

import path from 'node:path';
import { DEFAULT_MODEL } from '../config.ts';
import { fingerprintChanges, fingerprintOf, type Fingerprint } from '../dataset/fingerprint.ts';
import { datasetName } from '../dataset/scan.ts';
import { finetuneConfig, type FinetuneConfig, type FinetuneFlags } from '../finetune-config.ts';
import { readCheckpoint } from '../run/checkpoint.ts';
import {
  exists,
  latestRunFolder,
  namedRunFolder,
  newRunFolder,
  readJson,
  runPaths,
  tidyRunFolder,
} from '../run/run-folder.ts';
import { AppError, type ExitCodeValue } from '../util/errors.ts';
import { divideDataset, type DividedDataset } from './finetune/data.ts';
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
  const { config } = run;
  const opened = await openModel(config, output);
  const divided = await divideDataset(config, output);
  if (config.previewAugment !== undefined || config.findRate !== undefined) {
    const { lookAhead } = await import('./finetune/look-ahead.ts');
    return lookAhead({ config, opened, divided }, output);
  }
  return train(await beginRun(run, divided, output), { config, opened, divided }, output);
}

interface Run {
  readonly request: RunRequest;
  readonly config: FinetuneConfig;
  /** Of a run that goes on. */
  readonly folder?: string;
}

async function chosenRun(dataset: string | undefined, flags: FinetuneFlags): Promise<Run> {
  const given = await withWholePath(flags);
  const { resume } = given;
  if (resume !== undefined) {
    const folder = resume === true ? await latestRunFolder(runName(requiredDataset(dataset), given)) : resume;
    const asked = { flags: given, ...(dataset !== undefined && { dataset }) };
    return { folder, ...(await readRunConfig(runPaths(folder).config, asked)) };
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

/** Makes the run's folder, or finds where it stopped. @throws AppError CHECKPOINT_INVALID when the dataset is another now */
async function beginRun(
  { request, config, folder }: Run,
  { dataset }: DividedDataset,
  output: Output,
): Promise<BegunRun> {
  const fingerprint = await fingerprintOf(dataset);
  if (folder === undefined) {
    const made =
      config.out === undefined
        ? await newRunFolder(runName(request.dataset, config))
        : await namedRunFolder(config.out);
    const paths = runPaths(made);
    await writeRunConfig(paths.config, request, config);
    note(output, `run: ${made}`);
    return { paths, fingerprint };
  }
  const paths = runPaths(folder);
  await tidyRunFolder(paths);
  const checkpoint = await readCheckpoint(paths.checkpoint);
  if (!(await exists(paths.dataset))) return { paths, fingerprint };
  const before = (await readJson(paths.dataset)) as {
    readonly fingerprint: Fingerprint;
    readonly failed: readonly string[];
  };
  const changes = fingerprintChanges(before.fingerprint, fingerprint);
  if (changes !== undefined) {
    throw new AppError(
      'CHECKPOINT_INVALID',
      `--resume: ${config.dataset} is not what it was when ${folder} was begun: ${changes}; put it back, or start a new run`,
    );
  }
  if (!checkpoint) return { paths, fingerprint };
  const { epoch, batch } = checkpoint.progress;
  note(output, `going on with ${folder} after epoch ${epoch}${batch > 0 ? ` and ${batch} steps` : ''}`);
  return { paths, fingerprint, former: { checkpoint, failed: before.failed } };
}
