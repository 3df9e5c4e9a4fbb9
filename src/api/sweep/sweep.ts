// sweep.ts: makes the runs of a sweep, one after another. What is in its folder decides what is left to do, so that a sweep that was
// stopped at any moment goes on and ends with the same results.

import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneFlags } from '../../config/finetune-settings.ts';
import { flagsOfRun, settingsText, type SweepConfig } from '../../config/sweep.ts';
import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import { sweepCsv, sweepJson, sweepPage, type SweepResults } from '../../report/sweep.ts';
import {
  aloneInRunFolder,
  newRunFolder,
  refuseUsedFolder,
  sweepPaths,
  writeJson,
  type SweepPaths,
} from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, makeFolder, writeFileAtomic } from '../../util/files.ts';
import { shellWord } from '../../util/shell-word.ts';
import { clock } from '../finetune/keeper.ts';
import { executeRun, prepareRun } from '../finetune/run.ts';
import type { Work } from '../work.ts';
import { begunSweep, goingOn, planned, type Chosen } from './chosen-sweep.ts';
import { freeFlags, type PlannedRun } from './plan.ts';
import { isFinished, resultsOf } from './results.ts';

export interface FinishedSweep {
  readonly folder: string;
  readonly report: string;
  /** The model folder of the best run. */
  readonly best?: string;
  readonly results: SweepResults;
  /** Whether a run failed, diverged or left pictures out. */
  readonly hasRemarks: boolean;
}

/** @throws AppError USAGE before anything is written, for the first combination that finetune would refuse; INTERRUPTED */
export function runSweep(config: SweepConfig, work: Work): Promise<FinishedSweep> {
  return beginSweep(config, work, (job) => allRuns(job, work));
}

/**
 * Plans a sweep and makes its folder, or finds the one that goes on.
 * @param action what is done as the only process in the folder
 * @throws as `runSweep`
 */
export async function beginSweep<T>(
  config: SweepConfig,
  work: Work,
  action: (job: SweepJob) => Promise<T>,
): Promise<T> {
  const begun = await begunSweep(config);
  const chosen = begun ? await goingOn(begun, config, work) : await planned(config, work);
  const { plan, dataset } = chosen;
  const flags = { ...(plan.flags as FinetuneFlags), ...freeFlags(config.flags) };
  // Without the engine or device that is asked for, every run would fail.
  await selectEngine(finetuneConfig(dataset, flags));
  const folder = begun?.folder ?? (await newFolder(config, dataset));
  return aloneInRunFolder(folder, async () => {
    const paths = sweepPaths(folder);
    if (!begun) {
      await refuseUsedFolder(folder);
      await writeJson(paths.plan, plan);
      work.note(`sweep: ${folder}, ${plan.runs.length} runs`);
    }
    return action({ ...chosen, flags, paths });
  });
}

async function newFolder({ out }: SweepConfig, dataset: string): Promise<string> {
  if (out === undefined) return newRunFolder(`${datasetName(dataset)}-sweep`);
  await makeFolder(out);
  return out;
}

export interface SweepJob extends Chosen {
  readonly flags: FinetuneFlags;
  readonly paths: SweepPaths;
}

async function allRuns(job: SweepJob, work: Work): Promise<FinishedSweep> {
  const { plan, paths } = job;
  const failures = new Map<string, AppError>();
  const waiting: PlannedRun[] = [];
  for (const run of plan.runs) if (!(await isFinished(paths.run(run.name)))) waiting.push(run);
  if (waiting.length < plan.runs.length) {
    work.note(`${plan.runs.length - waiting.length} of ${plan.runs.length} runs are done already`);
  }
  const hasSeeds = new Set(plan.runs.map(({ seed }) => seed)).size > 1;
  const resultsNow = resultsOf(plan, paths);
  const began = performance.now();
  for (const [i, run] of waiting.entries()) {
    const place = `run ${plan.runs.indexOf(run) + 1} of ${plan.runs.length}`;
    const each = (performance.now() - began) / 1000 / i;
    const left = i === 0 ? '' : `; about ${clock(each * (waiting.length - i))} left`;
    work.note(`${place}: ${settingsText(hasSeeds ? { ...run.settings, seed: run.seed } : run.settings)}${left}`); // prettier-ignore
    try {
      await oneRun(run, job, inSweep(place, work));
    } catch (error) {
      if (work.signal.aborted) {
        work.note(`interrupted; go on with: finch sweep --resume ${shellWord(paths.folder)}`);
        throw error;
      }
      if (!(error instanceof AppError)) throw error;
      work.note(`${place} failed: ${error.message}`);
      failures.set(run.name, error);
    }
    await writeResults(await resultsNow(failures), paths);
  }
  const results = await resultsNow(failures);
  // A kill may have come between the last run and its page.
  await writeResults(results, paths);
  const [best] = (results.rows[0]?.runs ?? [])
    .filter(({ score }) => score !== undefined)
    .toSorted((a, b) => b.score! - a.score! || a.loss! - b.loss!);
  return {
    folder: paths.folder,
    report: paths.report,
    ...(best && { best: paths.run(best.name).best }),
    results,
    hasRemarks: results.rows.some(({ runs }) => runs.some(({ remark }) => remark !== undefined)),
  };
}

/** Begins a run, or goes on where it was stopped. */
export async function oneRun(
  run: PlannedRun,
  {
    dataset,
    flags,
    paths,
    fingerprint,
  }: Omit<SweepJob, 'plan' | 'fingerprint'> & Partial<Pick<SweepJob, 'fingerprint'>>,
  work: Work,
): Promise<void> {
  const { folder, config } = paths.run(run.name);
  const own = flagsOfRun(flags, run);
  const where = (await isThere(config)) ? { resume: folder } : { out: folder };
  await executeRun(await prepareRun(dataset, { ...own, ...where }, work, fingerprint), work);
}

/** The work of one run: its progress says which, and how to go on is said for the sweep. */
function inSweep(place: string, work: Work): Work {
  return {
    signal: work.signal,
    progress: (progress) => work.progress({ ...progress, text: `${place}, ${progress.text}` }),
    note(text) {
      if (!work.signal.aborted) work.note(text);
    },
  };
}

export async function writeResults(results: SweepResults, { csv, json, report }: SweepPaths): Promise<void> {
  await writeFileAtomic(csv, sweepCsv(results));
  await writeFileAtomic(json, sweepJson(results));
  await writeFileAtomic(report, sweepPage(results));
}
