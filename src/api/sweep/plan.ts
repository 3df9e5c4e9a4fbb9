// plan.ts: which runs a sweep is made of, as they stand in its sweep.json: made of what the user wrote, or read again.

import path from 'node:path';
import type { z } from 'zod';
import { flagName } from '../../config/belongs.ts';
import { DEFAULT_MODEL } from '../../config/default-model.ts';
import type { FinetuneFlags } from '../../config/finetune-settings.ts';
import { settingsText, triedRuns, type SweepConfig } from '../../config/sweep.ts';
import { MAX_SWEEP_RUNS, SWEEP_PLAN } from '../../run/records.ts';
import { wholePath } from '../../objects/address.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { shellWord } from '../../util/shell-word.ts';
import { wholeModel, withWholePaths } from '../finetune/chosen-run.ts';
import { FREE, refuseDifferent } from '../finetune/run-config.ts';

export type SweepPlan = z.infer<typeof SWEEP_PLAN>;
export type PlannedRun = SweepPlan['runs'][number];

/** @throws AppError USAGE for the first value that a flag does not take */
export async function planOf(
  { dataset, flags: given, tried }: Required<Pick<SweepConfig, 'dataset' | 'flags' | 'tried'>>,
  pictures = '',
): Promise<SweepPlan> {
  const flags = { model: DEFAULT_MODEL, ...(await withWholePaths(given, dataset)) };
  const runs: Omit<PlannedRun, 'name'>[] = [];
  for (const { settings, seed } of await triedRuns(dataset, flags, tried, MAX_SWEEP_RUNS)) {
    const whole: Record<string, string> = {};
    for (const name of ['model', 'join']) {
      const model = settings[name];
      if (typeof model === 'string') whole[name] = await wholeModel(model);
    }
    runs.push({ settings: { ...settings, ...whole }, seed });
  }
  const varying = varyingSettings(runs);
  const hasSeeds = new Set(runs.map(({ seed }) => seed)).size > 1;
  const { length: digits } = `${runs.length}`;
  return {
    version: 1,
    dataset: wholePath(dataset),
    pictures,
    flags: flags as SweepPlan['flags'],
    runs: runs.map((run, i) => {
      const words = varying.map((name) => `${flagName(name).slice(2)}=${shortValue(run.settings[name]!)}`);
      const all = hasSeeds ? [...words, `seed=${run.seed}`] : words;
      return { name: folderName([`${i + 1}`.padStart(digits, '0'), ...all]), ...run };
    }),
  };
}

/** Names of the settings that have several values, in the order in which they were given. */
export function varyingSettings(runs: readonly Pick<PlannedRun, 'settings'>[]): readonly string[] {
  const names = Object.keys(runs[0]!.settings);
  return names.filter((name) => new Set(runs.map(({ settings }) => settings[name])).size > 1);
}

/** Of a path, its last part. */
const shortValue = (value: string | boolean) => path.basename(`${value}`);

/** Longer names are cut: their number alone tells them apart. */
const MAX_NAME = 80;

/** Only what every file system and shell takes as it is; no comma and no colon, which `--model` gives a meaning to. */
const folderName = (words: readonly string[]) =>
  words.map((word) => word.replace(/[^\w=+.-]+/g, '-')).join('_').slice(0, MAX_NAME).replace(/[.-]+$/, ''); // prettier-ignore

/**
 * A sweep that goes on has its own settings: they may be left out with `--resume`, and are the same else.
 * @throws AppError USAGE naming what is different
 */
export async function refuseOtherSweep(
  stored: SweepPlan,
  folder: string,
  config: SweepConfig,
): Promise<void> {
  const { tried, resume, dataset = stored.dataset } = config;
  const given = await withWholePaths(config.flags, dataset);
  if (resume !== undefined) refuseDifferent(stored.flags as FinetuneFlags, given, 'sweep');
  if (!tried) return;
  const flags = resume === undefined ? given : { ...(stored.flags as FinetuneFlags), ...given };
  const asked = await planOf({ dataset, flags, tried });
  if (essence(asked) === essence(stored)) return;
  throw new AppError(
    'USAGE',
    `${quoted(folder)} has another sweep, of ${stored.runs.length} runs, the first with ${quoted(settingsText(stored.runs[0]!.settings), 80)}; go on with it: finch sweep --resume ${shellWord(folder)}, or choose another --out`,
  );
}

/** What decides the runs. */
function essence({ flags, runs }: SweepPlan): string {
  const own = Object.entries(flags).filter(([name]) => !isFree(name));
  return JSON.stringify([own.toSorted(([a], [b]) => (a < b ? -1 : 1)), runs]);
}

/** Whether a flag may be another one when a sweep goes on. */
export const isFree = (name: string): boolean => FREE.some((free) => free === name);

/** What the user may say anew when a sweep goes on. */
export function freeFlags(flags: SweepConfig['flags']): Partial<FinetuneFlags> {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => isFree(name)));
}
