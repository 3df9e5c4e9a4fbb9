// head-run.ts: the folder of a run that learns from shards: its config.json, which holds its flags in a form that can be read again, how it
// is begun, and what is cleared away in the end.

import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { FinetuneConfig } from '../../../config/finetune-settings.ts';
import type { HeadFlags } from '../../../config/learn-shards.ts';
import { DATASET_RECORD, readRunRecord } from '../../../run/records.ts';
import { refuseUsedFolder, tidyRunFolder, writeJson, type RunPaths } from '../../../run/run-folder.ts';
import { AppError } from '../../../util/errors.ts';
import { makeFolder } from '../../../util/files.ts';
import { packageVersion } from '../../../util/package.ts';
import type { Work } from '../../work.ts';
import type { Labels } from './labels-file.ts';
import type { ShardSet } from './shard-set.ts';

export interface HeadRequest {
  /** Where the shards are: absolute, or the address of a bucket. */
  readonly folder: string;
  readonly flags: HeadFlags;
}

const text = z.string().max(65_536);
const HEAD_RUN = z.object({
  /** What tells such a run from one that finetune goes on with. */
  learntFrom: z.literal('shards'),
  dataset: text,
  flags: z.record(text, text.or(z.boolean())),
});

async function writeHeadRun(
  file: string,
  { folder, flags }: HeadRequest,
  { model, settings }: FinetuneConfig,
): Promise<void> {
  await writeJson(file, {
    finch: packageVersion(),
    learntFrom: 'shards',
    dataset: folder,
    model,
    settings,
    flags: { ...flags, model, exif: true },
  });
}

/** @throws AppError CHECKPOINT_INVALID where it is none */
export async function readHeadRun(file: string): Promise<HeadRequest> {
  const stored = await readRunRecord(file, HEAD_RUN);
  if (!stored) throw new AppError('CHECKPOINT_INVALID', `${file} is not there; is this the folder of a run?`);
  const { exif: _, ...flags } = stored.flags;
  return { folder: stored.dataset, flags };
}

interface Beginning {
  readonly request: HeadRequest;
  readonly settings: FinetuneConfig;
  readonly set: ShardSet;
  readonly labels: Labels | undefined;
  readonly isNew: boolean;
}

/** Records what a new run is, or finds out whether the shards and labels are those that it was begun with. */
export async function beginHeadRun(
  paths: RunPaths,
  { request, settings, set, labels, isNew }: Beginning,
  work: Work,
): Promise<void> {
  if (isNew) {
    await refuseUsedFolder(paths.folder);
    await writeHeadRun(paths.config, request, settings);
    work.note(`run: ${paths.folder}`);
  } else await tidyRunFolder(paths);
  await makeFolder(paths.checkpoint);
  const before = await readRunRecord(paths.dataset, DATASET_RECORD);
  const fingerprint = { shards: set.fingerprint, ...(labels && { labels: labels.hash }) };
  if (!before) return writeJson(paths.dataset, { failed: [], fingerprint });
  const changed = (what: string) =>
    new AppError('CHECKPOINT_INVALID', `--resume: ${what} when ${paths.folder} was begun; put them back, or start a new run`); // prettier-ignore
  if (before.fingerprint['shards'] !== fingerprint.shards) throw changed(`${request.folder} has other shards than`); // prettier-ignore
  if (before.fingerprint['labels'] !== fingerprint.labels) throw changed(`${request.flags.labelsFrom} has other labels than`); // prettier-ignore
}

/** All that only an unfinished run needs. */
export async function clearCheckpoint({ checkpoint, dataset }: RunPaths): Promise<void> {
  for (const name of await readdir(checkpoint).catch((): string[] => [])) {
    const file = path.join(checkpoint, name);
    if (file !== dataset) await rm(file, { force: true }).catch(() => {});
  }
}

/** What was begun in vain, so that its folder can be named again. */
export async function removeHeadRun({ checkpoint, config }: RunPaths): Promise<void> {
  await rm(checkpoint, { recursive: true, force: true }).catch(() => {});
  await rm(config, { force: true }).catch(() => {});
}
