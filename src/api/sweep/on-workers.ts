// on-workers.ts: a sweep whose runs other processes make, on this machine or others that see the same folders. What they share is the
// sweep's folder: its plan says what is made, and what lies there says what is done, so that each of them may be killed at any time.

import path from 'node:path';
import { stat } from 'node:fs/promises';
import type { FinetuneFlags } from '../../config/finetune-settings.ts';
import type { SweepConfig } from '../../config/sweep.ts';
import { isPattern } from '../../images/glob.ts';
import { isBucketAddress } from '../../objects/address.ts';
import { readRunRecord, SWEEP_PLAN } from '../../run/records.ts';
import { aloneInRunFolder, sweepPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, sha256OfFile } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';
import type { Work } from '../work.ts';
import type { SweepPlan } from './plan.ts';
import { isFinished, resultsOf } from './results.ts';
import { beginSweep, oneRun, writeResults } from './sweep.ts';

/** A sweep that workers find again. */
export interface SharedSweep {
  /** Absolute. */
  readonly folder: string;
  /** sha256 of its sweep.json: another plan in that folder is another sweep. */
  readonly plan: string;
}

/** Plans a sweep, or finds the one that goes on, and makes no run. @throws as `runSweep` */
export async function shareSweep(
  config: SweepConfig,
  work: Work,
): Promise<SharedSweep & { readonly runs: readonly string[] }> {
  return beginSweep(config, work, async ({ plan, paths }) => {
    const shared = { folder: path.resolve(paths.folder), plan: await sha256OfFile(paths.plan) };
    return { ...shared, runs: plan.runs.map(({ name }) => name) };
  });
}

/** What this machine has of a sweep. @throws AppError QUEUE_UNAVAILABLE where it does not see the folder or the pictures: this worker is not for it */
export async function openSharedSweep({ folder, plan: wanted }: SharedSweep): Promise<SweepPlan> {
  const refuse = (problem: string) => new AppError('QUEUE_UNAVAILABLE', problem);
  const file = sweepPaths(folder).plan;
  const plan = await readRunRecord(file, SWEEP_PLAN);
  if (!plan) throw refuse(`the sweep's folder ${quoted(folder)} is not on this machine; its workers need one that all of them see, such as a network disk`); // prettier-ignore
  if ((await sha256OfFile(file)) !== wanted) throw refuse(`${quoted(folder)} has another sweep than the one in the queue; submit it again: finch sweep --resume`); // prettier-ignore
  const { dataset } = plan;
  const isHere = isBucketAddress(dataset) || (await stat(dataset).catch(() => undefined)) !== undefined || isPattern(dataset); // prettier-ignore
  if (!isHere) throw refuse(`the sweep's pictures ${quoted(dataset)} are not on this machine; its workers need them at the same path`); // prettier-ignore
  return plan;
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
  try {
    await oneRun(run, { dataset: plan.dataset, flags, paths }, work);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'USAGE') throw error;
    // The plan was checked as a whole: what is wrong is that another process is in the folder, which may be about to be found dead.
    throw new AppError('WRITE_FAILED', error.message, { cause: error });
  }
  return true;
}

/** Writes the results, as the last of the runs on one machine does. @param failures by the names of the runs */
export async function writeSharedResults(
  folder: string,
  plan: SweepPlan,
  failures: ReadonlyMap<string, AppError>,
): Promise<void> {
  const paths = sweepPaths(folder);
  const left: string[] = [];
  for (const { name } of plan.runs) {
    if (!failures.has(name) && !(await isThere(paths.run(name).summary))) left.push(name);
  }
  if (left.length > 0) throw new AppError('FILE_INVALID', `${quoted(folder)}: ${left.length} of ${plan.runs.length} runs are not there, such as ${quoted(left[0]!)}`); // prettier-ignore
  await aloneInRunFolder(folder, async () => writeResults(await resultsOf(plan, paths)(failures), paths));
}
