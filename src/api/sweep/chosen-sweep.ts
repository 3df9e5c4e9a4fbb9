// chosen-sweep.ts: which sweep is meant: a new one, whose runs are all checked, or one that goes on, whose dataset has to be what it was.

import { useRecordedEndpoint } from '../../config/endpoint.ts';
import { finetuneConfig } from '../../config/finetune.ts';
import type { FinetuneFlags } from '../../config/finetune-settings.ts';
import { flagsOfRun, inCombination, type SweepConfig } from '../../config/sweep.ts';
import { fingerprintChanges, fingerprintDigest, type Fingerprint } from '../../dataset/fingerprint.ts';
import { DATASET_RECORD, readRunRecord, SWEEP_PLAN } from '../../run/records.ts';
import { checkNewFolder, RUNS, sweepPaths, type SweepPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { checkOutputFolder } from '../../util/outputs.ts';
import { quoted } from '../../util/quoted.ts';
import { divideDataset, fingerprintFor, type DividedDataset } from '../finetune/data.ts';
import { checkRun } from '../finetune/run.ts';
import { throwIfAborted, type Work } from '../work.ts';
import { planOf, refuseOtherSweep, type SweepPlan } from './plan.ts';

/** A sweep that goes on. */
export interface BegunSweep {
  readonly folder: string;
  readonly plan: SweepPlan;
}

/** The sweep that goes on: that of --resume, or of --out where there is one. @throws AppError USAGE, CHECKPOINT_INVALID */
export async function begunSweep(config: SweepConfig): Promise<BegunSweep | undefined> {
  const { resume, out } = config;
  const folder = resume ?? out;
  const plan = folder === undefined ? undefined : await readRunRecord(sweepPaths(folder).plan, SWEEP_PLAN);
  if (plan && folder !== undefined) {
    await refuseOtherSweep(plan, folder, config);
    useRecordedEndpoint(plan.flags);
    return { folder, plan };
  }
  if (resume === undefined) return undefined;
  throw new AppError('USAGE', `--resume ${quoted(resume)}: it has no sweep.json; is this the folder of a sweep?`); // prettier-ignore
}

/** A sweep whose runs are all known, before anything is computed or written. */
export interface Chosen {
  readonly plan: SweepPlan;
  /** Where its pictures are now. */
  readonly dataset: string;
  /** Of these pictures. */
  readonly fingerprint: Fingerprint;
}

/** Checks every run of a new sweep. @throws AppError USAGE; for everything that can be missing or wrong */
export async function planned({ dataset, flags, tried, out }: SweepConfig, work: Work): Promise<Chosen> {
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
export async function goingOn(
  { plan, folder }: BegunSweep,
  config: SweepConfig,
  work: Work,
): Promise<Chosen> {
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
