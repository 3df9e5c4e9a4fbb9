// run-folder.ts: the folder of a run: where its files lie, how it is begun, found again and put in order after a crash.

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isAside, isAsideOf } from '../util/aside.ts';
import { AppError, systemCode } from '../util/errors.ts';
import { isThere, makeFolder, writeFailed, writeFileAtomic } from '../util/files.ts';
import { isHeld, withFileLockOrElse } from '../util/lock.ts';
import { shellWord } from '../util/shell-word.ts';

export interface RunPaths {
  readonly folder: string;
  readonly config: string;
  readonly metrics: string;
  readonly summary: string;
  readonly report: string;
  /** What the best network says of each picture that judges. */
  readonly predictions: string;
  readonly best: string;
  readonly last: string;
  readonly checkpoint: string;
  /** How many steps a run of `--minutes` takes. */
  readonly plan: string;
  /** What the layers that do not learn make of views, while stage 2 needs it. */
  readonly maps: string;
  /** What the dataset was when the run began. */
  readonly dataset: string;
}

export function runPaths(folder: string): RunPaths {
  const at = (...parts: readonly string[]) => path.join(folder, ...parts);
  return {
    folder,
    config: at('config.json'),
    metrics: at('metrics.csv'),
    summary: at('summary.json'),
    report: at('report.html'),
    predictions: at('predictions.csv'),
    best: at('best'),
    last: at('last'),
    checkpoint: at('checkpoint'),
    dataset: at('checkpoint', 'dataset.json'),
    plan: at('checkpoint', 'plan.json'),
    maps: at('checkpoint', 'maps'),
  };
}

const SWEEP_FILE = 'sweep.json';

export interface SweepPaths {
  readonly folder: string;
  readonly plan: string;
  readonly csv: string;
  readonly json: string;
  readonly report: string;
  /** @param name of a run in the plan */
  readonly run: (name: string) => RunPaths;
}

/** The folder of a sweep: its plan and results, and a run's folder for each of its runs. */
export function sweepPaths(folder: string): SweepPaths {
  const at = (name: string) => path.join(folder, name);
  return {
    folder,
    plan: at(SWEEP_FILE),
    csv: at('results.csv'),
    json: at('results.json'),
    report: at('report.html'),
    run: (name) => runPaths(at(name)),
  };
}

/** The record of a checkpoint, beside its tensors. */
export const checkpointRecord = ({ checkpoint }: Pick<RunPaths, 'checkpoint'>): string =>
  path.join(checkpoint, 'state.json');

/** Where runs go when `--out` does not say. */
export const RUNS = 'runs';

/** The most runs of one name; a higher number is a mistake. */
const MAX_RUNS = 100_000;

/** Makes `runs/<name>-<n>` with the first number that is free. @throws AppError WRITE_FAILED */
export async function newRunFolder(name: string): Promise<string> {
  await makeFolder(RUNS);
  for (let n = 1; n < MAX_RUNS; n++) {
    const folder = path.join(RUNS, `${name}-${n}`);
    try {
      await mkdir(folder);
      return folder;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw writeFailed(folder, error);
    }
  }
  throw new AppError('WRITE_FAILED', `${RUNS} has ${MAX_RUNS} runs of ${name}; name one with --out`);
}

/** Name of the lock in a run's folder while a process works in it. */
const LOCK = 'run';

/** Runs `action` as the only process in a run's folder. @throws AppError USAGE naming the one that works in it already */
export function aloneInRunFolder<T>(folder: string, action: () => Promise<T>): Promise<T> {
  return withFileLockOrElse(
    path.join(folder, LOCK),
    action,
    (owner, file) =>
      new AppError(
        'USAGE',
        `another finch (${owner}) works in ${folder}; wait for it, stop it, or choose another --out (if that is no finch any more, remove ${file})`,
      ),
  );
}

/** Whether a process works in a run's folder. */
export const isWorkedIn = (folder: string): Promise<boolean> => isHeld(path.join(folder, LOCK));

/** What a process leaves that is killed before its run has a config.json, or its sweep a plan: nothing can be gone on with. */
const isRemains = (name: string) =>
  name.startsWith(`${LOCK}.lock`) || isAsideOf(name, 'config.json') || isAsideOf(name, SWEEP_FILE);

/** @throws AppError USAGE when something is in a folder that a new run is to have for itself */
export async function refuseUsedFolder(folder: string): Promise<void> {
  const inside = await readdir(folder).catch((error: unknown) => {
    throw writeFailed(folder, error);
  });
  if (inside.every(isRemains)) return;
  throw new AppError(
    'USAGE',
    `${folder} is not empty; go on with the run in it with --resume ${shellWord(folder)}, or choose another --out`,
  );
}

/** The same before the folder is made, unless a process works in it, which `aloneInRunFolder` says. */
export async function checkNewFolder(folder: string): Promise<void> {
  const isFree = !(await isThere(folder)) || (await isThere(path.join(folder, `${LOCK}.lock`)));
  if (!isFree) await refuseUsedFolder(folder);
}

/** The run of the highest number among `runs/<name>-<n>`. @throws AppError USAGE when there is none */
export async function latestRunFolder(name: string): Promise<string> {
  const names = await readdir(RUNS).catch((): string[] => []);
  const numbers = names
    .filter((entry) => entry.startsWith(`${name}-`))
    .map((entry) => entry.slice(name.length + 1))
    .filter((rest) => /^\d+$/.test(rest))
    .map(Number);
  for (const number of numbers.toSorted((a, b) => b - a)) {
    const { folder, config } = runPaths(path.join(RUNS, `${name}-${number}`));
    // A run that was killed before it had a config.json has nothing to go on with.
    if (await isThere(config)) return folder;
  }
  throw new AppError(
    'USAGE',
    `--resume: there is no ${path.join(RUNS, `${name}-1`)}; name the run's folder: --resume DIR`,
  );
}

/**
 * Puts a run's folder in order after its process was killed while it replaced a folder in two moves: a folder that was moved
 * aside takes the missing folder's place (the old and the new one are both whole then), and other remains are removed.
 */
export async function tidyRunFolder({ folder, best, last }: RunPaths): Promise<void> {
  const names = await readdir(folder);
  for (const whole of [best, last]) {
    const remains = names.filter((name) => isAsideOf(name, path.basename(whole)));
    if (!(await isThere(whole))) {
      for (const name of remains) {
        if (!(await isThere(path.join(folder, name, 'model.json')))) continue;
        await rename(path.join(folder, name), whole).catch((error: unknown) => {
          throw writeFailed(whole, error);
        });
        break;
      }
    }
  }
  for (const name of names) {
    if (isAside(name)) {
      await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}

export async function writeJson(file: string, content: unknown): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
