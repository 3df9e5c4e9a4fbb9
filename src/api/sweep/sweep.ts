// sweep.ts: makes the runs of a sweep, one after another. What is in its folder decides what is left to do, so that a sweep that was
// stopped at any moment goes on and ends with the same results.

import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneFlags } from '../../config/finetune-settings.ts';
import { flagsOfRun, inCombination, settingsText, type SweepConfig } from '../../config/sweep.ts';
import { fingerprintChanges, fingerprintDigest, type Fingerprint } from '../../dataset/fingerprint.ts';
import { datasetName } from '../../dataset/scan.ts';
import { selectEngine } from '../../engine/select.ts';
import { sweepCsv, sweepJson, sweepPage, type SweepResults } from '../../report/sweep.ts';
import { DATASET_RECORD, readRunRecord, SWEEP_PLAN } from '../../run/records.ts';
import {
  aloneInRunFolder,
  checkNewFolder,
  newRunFolder,
  refuseUsedFolder,
  RUNS,
  sweepPaths,
  writeJson,
  type SweepPaths,
} from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere, makeFolder, writeFileAtomic } from '../../util/files.ts';
import { checkOutputFolder } from '../../util/outputs.ts';
import { quoted } from '../../util/quoted.ts';
import { shellWord } from '../../util/shell-word.ts';
import { clock } from '../finetune/keeper.ts';
import { divideDataset, fingerprintFor, type DividedDataset } from '../finetune/data.ts';
import { checkRun, executeRun, prepareRun } from '../finetune/run.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { freeFlags, planOf, refuseOtherSweep, type PlannedRun, type SweepPlan } from './plan.ts';
import { isFinished, sweepResults } from './results.ts'; // prettier-ignore

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
export async function runSweep(config: SweepConfig, work: Work): Promise<FinishedSweep> {
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
    return allRuns({ ...chosen, flags, paths }, work);
  });
}

interface BegunSweep {
  readonly folder: string;
  readonly plan: SweepPlan;
}

/** The sweep that goes on: that of --resume, or of --out where there is one. @throws AppError USAGE, CHECKPOINT_INVALID */
async function begunSweep(config: SweepConfig): Promise<BegunSweep | undefined> {
  const { resume, out } = config;
  const folder = resume ?? out;
  const plan = folder === undefined ? undefined : await readRunRecord(sweepPaths(folder).plan, SWEEP_PLAN);
  if (plan && folder !== undefined) {
    await refuseOtherSweep(plan, folder, config);
    return { folder, plan };
  }
  if (resume === undefined) return undefined;
  throw new AppError('USAGE', `--resume ${quoted(resume)}: it has no sweep.json; is this the folder of a sweep?`); // prettier-ignore
}

interface Chosen {
  readonly plan: SweepPlan;
  /** Where its pictures are now. */
  readonly dataset: string;
  /** Of these pictures. */
  readonly fingerprint: Fingerprint;
}

/** Checks every run of a new sweep. @throws AppError USAGE; for everything that can be missing or wrong */
async function planned({ dataset, flags, tried, out }: SweepConfig, work: Work): Promise<Chosen> {
  if (dataset === undefined || !tried) {
    throw new AppError('USAGE', 'no DATASET: name a folder of class folders, or a sweep to go on with: --resume SWEEP'); // prettier-ignore
  }
  const plan = await planOf({ dataset, flags, tried });
  await checkOutputFolder({ flag: '--out', file: out ?? RUNS });
  if (out !== undefined) await checkNewFolder(out);
  const divided = await dividedFor(plan, dataset, work);
  // What each run says about itself would be said for all of them at once.
  const silent = { ...work, note: () => {} };
  for (const { settings, seed } of plan.runs) {
    throwIfAborted(work);
    const own = flagsOfRun(plan.flags as FinetuneFlags, { settings, seed });
    await inCombination(settings, () => checkRun(own, { dataset, divided }, silent));
  }
  const fingerprint = await fingerprintFor(divided, work);
  return { plan: { ...plan, pictures: fingerprintDigest(fingerprint) }, dataset, fingerprint };
}

/** @throws AppError CHECKPOINT_INVALID where the dataset is not the one that the sweep was begun with */
async function goingOn({ plan, folder }: BegunSweep, config: SweepConfig, work: Work): Promise<Chosen> {
  const { dataset = plan.dataset } = config;
  const before = await recordedFingerprint(plan, sweepPaths(folder));
  const fingerprint = await fingerprintFor(await dividedFor(plan, dataset, work, before), work);
  if (fingerprintDigest(fingerprint) !== plan.pictures) {
    const changes = before && fingerprintChanges(before, fingerprint);
    throw new AppError(
      'CHECKPOINT_INVALID',
      `--resume: ${quoted(dataset)} is not what it was when ${quoted(folder)} was begun${changes === undefined ? '' : `: ${changes}`}; put it back, or start a new sweep`,
    );
  }
  return { plan, dataset, fingerprint };
}

/** What a run of the sweep recorded of the dataset that the sweep was begun with. */
async function recordedFingerprint(
  { runs, pictures }: SweepPlan,
  paths: SweepPaths,
): Promise<Fingerprint | undefined> {
  for (const { name } of runs) {
    const record = await readRunRecord(paths.run(name).dataset, DATASET_RECORD).catch(() => undefined);
    if (record && fingerprintDigest(record.fingerprint) === pictures) return record.fingerprint;
  }
  return undefined;
}

function dividedFor(
  { flags, runs }: SweepPlan,
  dataset: string,
  work: Work,
  before?: Fingerprint,
): Promise<DividedDataset> {
  const config = finetuneConfig(dataset, flagsOfRun(flags as FinetuneFlags, runs[0]!));
  return divideDataset(config, work, before);
}

async function newFolder({ out }: SweepConfig, dataset: string): Promise<string> {
  if (out === undefined) return newRunFolder(`${datasetName(dataset)}-sweep`);
  await makeFolder(out);
  return out;
}

interface SweepJob extends Chosen {
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
    await writeResults(await sweepResults(plan, paths, failures), paths);
  }
  const results = await sweepResults(plan, paths, failures);
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
async function oneRun(
  run: PlannedRun,
  { dataset, flags, paths, fingerprint }: SweepJob,
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

async function writeResults(results: SweepResults, { csv, json, report }: SweepPaths): Promise<void> {
  await writeFileAtomic(csv, sweepCsv(results));
  await writeFileAtomic(json, sweepJson(results));
  await writeFileAtomic(report, sweepPage(results));
}
