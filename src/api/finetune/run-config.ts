// run-config.ts: config.json: the flags that a run was given, in a form that can be read again, and the settings they led to.

import path from 'node:path';
import { useRecordedEndpoint } from '../../config/endpoint.ts';
import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneConfig, FinetuneFlags, GivenFinetuneFlags } from '../../config/finetune-settings.ts';
import { flagName } from '../../config/belongs.ts';
import { wholePath } from '../../objects/address.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { packageVersion } from '../../util/package.ts';
import { shellWord } from '../../util/shell-word.ts';
import { readRunRecord, RUN_CONFIG } from '../../run/records.ts';
import { writeJson } from '../../run/run-folder.ts';

/** Flags that say where and how fast a run computes, not what it computes: they may differ when a run is resumed. */
export const FREE = [
  'root',
  'out',
  'resume',
  'device',
  'engine',
  'threads',
  'offline',
  'endpoint',
  'debug',
  'checkpointMinutes',
  'tensorboard',
] as const;

export interface RunRequest {
  /** Absolute. */
  readonly dataset: string;
  readonly flags: FinetuneFlags;
  /** Epochs of stage 2 after which it went on with more of them, having been finished. */
  readonly continuedAfter: readonly number[];
}

export async function writeRunConfig(
  file: string,
  { dataset, flags, continuedAfter }: RunRequest,
  config: FinetuneConfig,
): Promise<void> {
  const { settings, model } = config;
  await writeJson(file, {
    finch: packageVersion(),
    dataset: wholePath(dataset),
    model,
    settings,
    flags,
    ...(continuedAfter.length > 0 && { continuedAfter }),
  });
}

/**
 * The configuration of a resumed run: its own flags, overridden by those flags of `given` that may differ.
 * @throws AppError CHECKPOINT_INVALID, USAGE when `given` asks for something different from what the run was begun with
 */
export async function readRunConfig(
  file: string,
  given: { readonly dataset?: string; readonly flags: GivenFinetuneFlags },
): Promise<{ readonly config: FinetuneConfig; readonly request: RunRequest; readonly hasMoved: boolean }> {
  const stored = await readRunRecord(file, RUN_CONFIG);
  if (!stored) {
    throw new AppError('CHECKPOINT_INVALID', `${file} is not there; is this the folder of a run?`);
  }
  const { dataset, flags, settings, continuedAfter = [], learntFrom } = stored;
  if (learntFrom !== undefined) throw new AppError('USAGE', `--resume: ${path.dirname(file)} has learnt from shards, without pictures; go on with it: finch shards learn --resume ${shellWord(path.dirname(file))}`); // prettier-ignore
  refuseDifferent(flags as FinetuneFlags, given.flags, 'run');
  useRecordedEndpoint(flags);
  const free = Object.entries(given.flags).filter(([name]) => FREE.some((known) => known === name));
  // When a dataset has moved, the content of its files shows whether it is the same one.
  const place = given.dataset === undefined ? dataset : wholePath(given.dataset);
  const request = {
    dataset: place,
    flags: { ...(flags as FinetuneFlags), ...Object.fromEntries(free) },
    continuedAfter,
  };
  const config = finetuneConfig(place, request.flags);
  if (JSON.stringify(config.settings) !== JSON.stringify(settings)) {
    throw new AppError(
      'CHECKPOINT_INVALID',
      `${file}: this finch (${packageVersion()}) understands the run's flags otherwise than the one that began it; go on with that one, or start anew`,
    );
  }
  return { config, request, hasMoved: place !== dataset };
}

/** @throws AppError USAGE where a flag is given that is not free, with another value than before */
export function refuseDifferent(
  stored: FinetuneFlags,
  given: GivenFinetuneFlags,
  what: 'run' | 'sweep',
): void {
  const known = new Map<string, unknown>(Object.entries(stored));
  for (const [name, value] of Object.entries(given)) {
    // Nobody gives --exif: it is what stands where --no-exif does not.
    const isDefault = name === 'exif' && value === true;
    if (FREE.some((free) => free === name) || value === undefined || isDefault) continue;
    if (JSON.stringify(known.get(name)) === JSON.stringify(value)) continue;
    const flag = flagName(name);
    throw new AppError(
      'USAGE',
      `--resume goes on with the ${what}'s own settings: ${flag} was ${shown(known.get(name))}, received ${shown(value)}; leave it out`,
    );
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'not given';
  return quoted(typeof value === 'string' ? value : JSON.stringify(value));
}
