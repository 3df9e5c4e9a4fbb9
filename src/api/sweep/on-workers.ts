// on-workers.ts: a sweep whose runs other processes make, on this machine or others that see the same folders. What they share is the
// sweep's folder: its plan says what is made, and what lies there says what is done, so that each of them may be killed at any time.

import path from 'node:path';
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { hashModelFolder } from '../../artefact/model-folder.ts';
import { flagName } from '../../config/belongs.ts';
import { useRecordedEndpoint } from '../../config/endpoint.ts';
import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneConfig, FinetuneFlags } from '../../config/finetune-settings.ts';
import { flagsOfRun, type SweepConfig } from '../../config/sweep.ts';
import { selectEngine } from '../../engine/select.ts';
import { isPattern } from '../../images/glob.ts';
import { isBucketAddress, wholePath } from '../../objects/address.ts';
import { readRunRecord, SWEEP_PLAN } from '../../run/records.ts';
import { aloneInRunFolder, sweepPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, sha256OfFile } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import { openNetwork } from '../network.ts';
import type { Work } from '../work.ts';
import { freeFlags, type SweepPlan } from './plan.ts';
import { isFinished, resultsOf } from './results.ts';
import { beginSweep, oneRun, writeResults } from './sweep.ts';

/** A sweep that workers find again. */
export interface SharedSweep {
  /** Absolute. */
  readonly folder: string;
  /** sha256 of its sweep.json: another plan in that folder is another sweep. */
  readonly plan: string;
  /** sha256 of the networks that its runs begin with, by what the plan calls them. */
  readonly models: Readonly<Record<string, string>>;
}

/** Flags that a sweep which goes on may be given although others make its runs. */
const OF_THIS_PROCESS = new Set(['offline', 'endpoint', 'debug']);

/** Plans a sweep, or finds the one that goes on, and makes no run. @throws as `runSweep`; USAGE for what its workers would not hear of */
export async function shareSweep(
  config: SweepConfig,
  work: Work,
): Promise<SharedSweep & { readonly runs: readonly string[] }> {
  return beginSweep(config, work, async ({ plan, paths, dataset }) => {
    if (config.resume !== undefined) {
      const other = Object.keys(freeFlags(config.flags)).find((name) => !OF_THIS_PROCESS.has(name));
      if (other !== undefined) throw new AppError('USAGE', `${flagName(other)}: workers make the runs of a sweep as it was begun; leave it out`); // prettier-ignore
      if (wholePath(dataset) !== plan.dataset) throw new AppError('USAGE', `${quoted(dataset)}: workers look for the pictures where they were, at ${quoted(plan.dataset)}; put them back there, or go on without --redis`); // prettier-ignore
    }
    const models: Record<string, string> = {};
    for (const run of plan.runs) {
      const own = finetuneConfig(plan.dataset, flagsOfRun(plan.flags as FinetuneFlags, run));
      for (const name of modelsOf(own)) models[name] ??= await hashOfModel(own, name, work);
    }
    const shared = { folder: path.resolve(paths.folder), plan: await sha256OfFile(paths.plan), models };
    return { ...shared, runs: plan.runs.map(({ name }) => name) };
  });
}

/** What a run begins with. */
const modelsOf = ({ model, settings: { join } }: FinetuneConfig) => [
  model,
  ...(join === undefined ? [] : [join]),
];

async function hashOfModel(config: FinetuneConfig, model: string, work: Work): Promise<string> {
  const isOwn = model === config.model;
  const network = await openNetwork({ ...config, model, preprocessing: isOwn ? config.preprocessing : {} }, work, { isKept: isOwn }); // prettier-ignore
  try {
    return await hashModelFolder(network.folder);
  } finally {
    await network.close();
  }
}

/**
 * What this machine has of a sweep.
 * @param name of the run that it is to make; absent for the results
 * @throws AppError QUEUE_UNAVAILABLE where it does not see the folder or the pictures, or lacks model or device: this worker is not for it
 */
export async function openSharedSweep(
  { folder, plan: wanted, models }: SharedSweep,
  { name, own = {} }: { readonly name?: string; readonly own?: Partial<FinetuneFlags> },
  work: Work,
): Promise<SweepPlan> {
  const refuse = (problem: string) => new AppError('QUEUE_UNAVAILABLE', problem);
  const file = sweepPaths(folder).plan;
  const plan = await readRunRecord(file, SWEEP_PLAN);
  if (!plan) throw refuse(`the sweep's folder ${quoted(folder)} is not on this machine; its workers need one that all of them see, such as a network disk`); // prettier-ignore
  if ((await sha256OfFile(file)) !== wanted) throw refuse(`${quoted(folder)} has another sweep than the one in the queue; submit it again: finch sweep --resume`); // prettier-ignore
  const { dataset } = plan;
  const isHere = isBucketAddress(dataset) || (await stat(dataset).catch(() => undefined)) !== undefined || isPattern(dataset); // prettier-ignore
  if (!isHere) throw refuse(`the sweep's pictures ${quoted(dataset)} are not on this machine; its workers need them at the same path`); // prettier-ignore
  useRecordedEndpoint(plan.flags);
  const run = plan.runs.find((planned) => planned.name === name);
  if (!run) return plan;
  const config = finetuneConfig(dataset, { ...flagsOfRun(plan.flags as FinetuneFlags, run), ...own });
  const found = new Map<string, string>();
  try {
    await selectEngine(config);
    for (const name of modelsOf(config)) found.set(name, await hashOfModel(config, name, work));
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'INTERRUPTED') throw error;
    throw new AppError('QUEUE_UNAVAILABLE', error.message, { cause: error });
  }
  const other = [...found].find(([name, hash]) => hash !== models[name]);
  if (other) throw refuse(`${quoted(other[0])} has other weights here than where the sweep was submitted; give this worker the same model`); // prettier-ignore
  return plan;
}

/** A lock of a machine that is gone counts as abandoned after a minute; each look takes a moment. */
const [PATIENCE_MS, LOOK_MS] = [90_000, 5000];

/** Waits for another process that is in the folder: it may be about to be found dead. @throws AppError of the action */
async function onceAlone<T>(action: () => Promise<T>, { signal }: Work): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      // The plan was checked as a whole: usage is wrong where another process is there.
      if (!(error instanceof AppError) || error.code !== 'USAGE' || signal.aborted) throw error;
      if (performance.now() > until) throw new AppError('WRITE_FAILED', error.message, { cause: error });
      await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** @returns false where the run was done already. @throws AppError of the run; INTERRUPTED, after which it can go on */
export async function makeSharedRun(
  {
    folder,
    name,
    own,
  }: { readonly folder: string; readonly name: string; readonly own: Partial<FinetuneFlags> },
  plan: SweepPlan,
  work: Work,
): Promise<boolean> {
  const run = plan.runs.find((planned) => planned.name === name);
  if (!run) throw new AppError('USAGE', `the sweep ${quoted(folder)} has no run ${quoted(name)}`);
  const paths = sweepPaths(folder);
  if (await isFinished(paths.run(name))) return false;
  const flags = { ...(plan.flags as FinetuneFlags), ...own };
  await onceAlone(() => oneRun(run, { dataset: plan.dataset, flags, paths }, work), work);
  return true;
}

/** Writes the results, as the last of the runs on one machine does. @param failures by the names of the runs */
export async function writeSharedResults(
  folder: string,
  plan: SweepPlan,
  failures: ReadonlyMap<string, AppError>,
  work: Work,
): Promise<void> {
  const paths = sweepPaths(folder);
  const left: string[] = [];
  for (const { name } of plan.runs) {
    if (!failures.has(name) && !(await isThere(paths.run(name).summary))) left.push(name);
  }
  if (left.length > 0) throw new AppError('FILE_INVALID', `${quoted(folder)}: ${left.length} of ${plan.runs.length} runs are not there, such as ${quoted(left[0]!)}`); // prettier-ignore
  const results = await resultsOf(plan, paths)(failures);
  await onceAlone(() => aloneInRunFolder(folder, () => writeResults(results, paths)), work);
}
