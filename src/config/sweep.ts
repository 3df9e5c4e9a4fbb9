// sweep.ts: what the user wrote -> the configuration of a sweep: the values that are tried of each setting, all combinations of them,
// each with every seed.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { flagName } from './belongs.ts';
import { DEFAULT_MODEL } from './default-model.ts';
import { finetuneConfig } from './finetune.ts';
import type { FinetuneFlags, GivenFinetuneFlags } from './finetune-settings.ts';
import { parseChoice } from './parse.ts';
import { queuePlace, type QueuePlace } from './redis.ts';
import { camelCase, flagOf, type KnownFlag } from './settings-file.ts';

export interface SweepFlags extends GivenFinetuneFlags {
  /** `KEY=V1,V2`, as given. */
  readonly grid?: readonly string[];
  readonly seeds?: string;
  readonly format: string;
  readonly redis?: string;
  readonly queue?: string;
}

const FORMATS = ['table', 'json', 'csv'] as const;

export interface SweepConfig {
  readonly dataset?: string;
  /** Of finetune, as given, that all runs have. */
  readonly flags: GivenFinetuneFlags;
  /** What is tried; absent where the sweep's own plan says it. */
  readonly tried?: Tried;
  readonly out?: string;
  /** The folder of a sweep that goes on. */
  readonly resume?: string;
  readonly format: (typeof FORMATS)[number];
  /** Where workers are asked to make the runs; absent where this process makes them. */
  readonly place?: QueuePlace;
}

export interface Tried {
  readonly axes: readonly Axis[];
  readonly seeds: readonly string[];
}

/** A setting, and the values of it that are tried. */
interface Axis {
  /** In camelCase, as in the flags. */
  readonly name: string;
  readonly values: readonly (string | boolean)[];
}

/** Values of settings by their flags' names in camelCase. */
export type Settings = Readonly<Record<string, string | boolean>>;

/** Flags that do not say what is learnt, or that change by which pictures the runs are judged: nothing to compare runs by. */
const FIXED = new Set([
  'out', 'resume', 'config', 'format', 'debug', 'offline', 'endpoint', 'device', 'engine', 'threads', 'checkpointMinutes', 'tensorboard', 'manifest',
  'root', 'valSplit', 'redis', 'queue',
]); // prettier-ignore

/** @param known the flags that the command takes. @throws AppError USAGE */
export function sweepConfig(
  dataset: string | undefined,
  { grid = [], seeds, format, out, resume, redis, queue, ...flags }: SweepFlags,
  known: readonly KnownFlag[],
  env: NodeJS.ProcessEnv = process.env,
): SweepConfig {
  const isTried = grid.length > 0 || seeds !== undefined;
  if (resume === undefined && !isTried) {
    throw new AppError('USAGE', 'nothing to try: name a setting and its values, such as --grid lr=0.0001,0.00005, or several --seeds'); // prettier-ignore
  }
  if (resume !== undefined && out !== undefined) {
    throw new AppError('USAGE', `--resume ${quoted(`${resume}`)} goes on in that folder; leave --out out`);
  }
  return {
    ...(dataset !== undefined && { dataset }),
    flags,
    ...(isTried && { tried: { axes: axesOf(grid, known), seeds: seedsOf(seeds, flags) } }),
    ...(out !== undefined && { out }),
    ...(resume !== undefined && { resume: `${resume}` }),
    format: parseChoice(format, '--format', FORMATS),
    ...((redis !== undefined || queue !== undefined) && { place: queuePlace({ queue: queue ?? 'finch', ...(redis !== undefined && { redis }) }, env) }), // prettier-ignore
  };
}

function axesOf(grid: readonly string[], known: readonly KnownFlag[]): readonly Axis[] {
  const axes = grid.map((text) => axisOf(text, known));
  const twice = axes.find(({ name }, i) => axes.findIndex((axis) => axis.name === name) < i);
  if (!twice) return axes;
  throw new AppError('USAGE', `--grid: ${flagName(twice.name).slice(2)} is given twice; write all its values after one =`); // prettier-ignore
}

function axisOf(text: string, known: readonly KnownFlag[]): Axis {
  const what = `--grid ${quoted(text, 80)}`;
  const at = text.indexOf('=');
  if (at < 1) throw new AppError('USAGE', `${what}: expected a flag of finetune and values, such as lr=0.0001,0.00005`); // prettier-ignore
  const key = text.slice(0, at).trim();
  const name = camelCase(key);
  if (name === 'seed' || name === 'seeds') throw new AppError('USAGE', `${what}: seeds are no setting; give --seeds ${quoted(text.slice(at + 1), 80)}`); // prettier-ignore
  if (FIXED.has(name)) {
    throw new AppError('USAGE', `${what}: ${flagName(name)} has to be the same in all runs; give it beside --grid, or leave it out`); // prettier-ignore
  }
  const flag = flagOf(key, name, known, what);
  return { name, values: valuesOf(text.slice(at + 1)).map((value) => valueOf(value, flag, what)) };
}

/** Commas separate values, but not between square brackets, which are taken away: `[a,b],[b]` are `a,b` and `b`. */
const VALUE = /\[([^\]]*)\]|([^,]+)/g;
const VALUES = /^(\[[^[\]]*\]|[^,[\]]*)(,(\[[^[\]]*\]|[^,[\]]*))*$/;

function valuesOf(text: string): readonly string[] {
  if (!VALUES.test(text) || /(^|,)\s*(,|$)/.test(text)) return [''];
  return [...text.matchAll(VALUE)].map(([, inside, plain = '']) => (inside ?? plain).trim());
}

function valueOf(text: string, { name, isSwitch }: KnownFlag, what: string): string | boolean {
  if (text === '') throw new AppError('USAGE', `${what}: expected values separated by commas; one that has commas stands in [ ]`); // prettier-ignore
  if (!isSwitch) return text;
  return parseChoice(text, `--grid ${flagName(name).slice(2)}`, ['true', 'false']) === 'true';
}

function seedsOf(seeds: string | undefined, { seed }: GivenFinetuneFlags): readonly string[] {
  if (seeds === undefined) return [seed ?? '0'];
  if (seed !== undefined) {
    throw new AppError('USAGE', '--seed and --seeds both say which random choices are made; leave one out');
  }
  return [...new Set(seeds.split(',').map((text) => text.trim()))];
}

/** A run of finetune that a sweep makes. */
export interface TriedRun {
  readonly settings: Settings;
  readonly seed: string;
}

/** @throws AppError USAGE naming the combination, where there is more than one. */
export async function inCombination<T>(settings: Settings, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const isOurs = error instanceof AppError && error.code !== 'INTERRUPTED';
    if (!isOurs || Object.keys(settings).length === 0) throw error;
    throw new AppError(error.code, `${error.message} (with --grid ${settingsText(settings)})`, { cause: error }); // prettier-ignore
  }
}

/** `lr=0.0001 epochs=5` */
export function settingsText(settings: Settings): string {
  return Object.entries(settings).map(([name, value]) => `${flagName(name).slice(2)}=${value}`).join(' '); // prettier-ignore
}

/**
 * All combinations with all seeds; those that come to the same run are one.
 * @param limit of runs
 * @throws AppError USAGE for the first value that a flag does not take
 */
export async function triedRuns(
  dataset: string,
  flags: GivenFinetuneFlags,
  { axes, seeds }: Tried,
  limit: number,
): Promise<readonly TriedRun[]> {
  const count = axes.reduce((product, { values }) => product * values.length, seeds.length);
  if (count > limit) {
    throw new AppError('USAGE', `--grid: ${count} runs are more than a sweep makes; expected at most ${limit}`); // prettier-ignore
  }
  const runs = new Map<string, TriedRun>();
  for (const settings of product(axes)) {
    await inCombination(settings, () => {
      for (const seed of seeds) {
        const config = finetuneConfig(dataset, flagsOfRun(flags, { settings, seed }));
        const key = JSON.stringify(config);
        if (!runs.has(key)) runs.set(key, { settings, seed });
      }
    });
  }
  return [...runs.values()];
}

/** The first setting changes slowest. */
function product(axes: readonly Axis[]): readonly Settings[] {
  return axes.reduce<readonly Settings[]>(
    (all, { name, values }) => all.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value }))),
    [{}],
  ); // prettier-ignore
}

/** Of a run of finetune. A switch that is off is a flag that is not given. */
export function flagsOfRun(flags: GivenFinetuneFlags, { settings, seed }: TriedRun): FinetuneFlags {
  const all = Object.entries({ model: DEFAULT_MODEL, ...flags, ...settings, seed });
  return Object.fromEntries(all.filter(([name, value]) => value !== false || name === 'exif')) as unknown as FinetuneFlags; // prettier-ignore
}
