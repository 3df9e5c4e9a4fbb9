// head-run.ts: config.json of a run that learns from shards: its flags, in a form that can be read again, and the settings they led to.

import { z } from 'zod';
import type { FinetuneConfig } from '../../../config/finetune-settings.ts';
import type { HeadFlags } from '../../../config/learn-shards.ts';
import { readRunRecord } from '../../../run/records.ts';
import { writeJson } from '../../../run/run-folder.ts';
import { AppError } from '../../../util/errors.ts';
import { packageVersion } from '../../../util/package.ts';

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

export async function writeHeadRun(
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
