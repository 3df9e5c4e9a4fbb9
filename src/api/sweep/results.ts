// results.ts: what the runs of a sweep came to, from what lies in their folders alone: the same whenever it is asked for.

import { settingsText, type Settings } from '../../config/sweep.ts';
import { fingerprintDigest } from '../../dataset/fingerprint.ts';
import { datasetName } from '../../dataset/scan.ts';
import { flagName } from '../../config/belongs.ts';
import { wilson } from '../../evaluation/metrics.ts';
import type { SweepResults, SweepRow, SweepRun } from '../../report/sweep.ts';
import { readRun, type RunHistory } from '../../run/history.ts';
import { DATASET_RECORD, readRunRecord } from '../../run/records.ts';
import type { RunPaths, SweepPaths } from '../../run/run-folder.ts';
import { AppError } from '../../util/errors.ts';
import { isThere } from '../../util/files.ts';
import { packageVersion } from '../../util/package.ts';
import { isDivergence } from '../finetune/results.ts';
import { answersOf, pairedTest } from '../paired.ts';
import { isFree, varyingSettings, type PlannedRun, type SweepPlan } from './plan.ts';

/** Why runs that were begun have no results, by their names. */
type Failures = ReadonlyMap<string, AppError>;

/** Whether a run has written all its results; predictions.csv is the last of them. */
export async function isFinished({ summary, predictions }: RunPaths): Promise<boolean> {
  return (await isThere(summary)) && (await isThere(predictions));
}

/** A run that has ended. */
interface EndedRun {
  readonly planned: PlannedRun;
  readonly history?: RunHistory;
  readonly failure?: AppError;
}

/** A function that tells the results up to now; what it has read of a run it does not read again. */
export function resultsOf(plan: SweepPlan, paths: SweepPaths): (failures: Failures) => Promise<SweepResults> {
  const known = new Map<PlannedRun, EndedRun>();
  return async (failures) => {
    const ended: EndedRun[] = [];
    for (const planned of plan.runs) {
      const failure = failures.get(planned.name);
      const run = failure
        ? { planned, failure }
        : (known.get(planned) ?? (await endedRun(planned, plan, paths)));
      if (!run) continue;
      known.set(planned, run);
      ended.push(run);
    }
    return sweepResults(ended, plan, paths);
  };
}

async function sweepResults(
  ended: readonly EndedRun[],
  plan: SweepPlan,
  paths: SweepPaths,
): Promise<SweepResults> {
  const varying = varyingSettings(plan.runs);
  const kind = ended.some(({ history }) => history?.summary?.meanAveragePrecision !== undefined)
    ? 'multi'
    : 'single';
  const rows = groups(ended).map((runs) => ({ runs, row: rowOf(runs, varying, kind) }));
  rows.sort(({ row: a }, { row: b }) => (b.score ?? -1) - (a.score ?? -1) || (a.loss ?? 0) - (b.loss ?? 0));
  const test = kind === 'single' ? await testOf(rows.slice(0, 2).map(({ runs }) => runs), paths) : undefined; // prettier-ignore
  const all = Object.entries({ ...plan.flags, ...plan.runs[0]!.settings } as Settings);
  const constant = all.filter(([name]) => !varying.includes(name) && !isFree(name) && name !== 'exif');
  return {
    version: packageVersion(),
    dataset: datasetName(plan.dataset),
    varying: varying.map((name) => flagName(name).slice(2)),
    constant: settingsText(Object.fromEntries(constant)),
    seeds: [...new Set(plan.runs.map(({ seed }) => seed))],
    kind,
    total: plan.runs.length,
    rows: rows.map(({ row }) => row),
    ...(test && { test }),
  };
}

async function endedRun(
  planned: PlannedRun,
  { pictures }: SweepPlan,
  paths: SweepPaths,
): Promise<EndedRun | undefined> {
  const run = paths.run(planned.name);
  if (!(await isFinished(run))) return undefined;
  try {
    const history = await readRun(run.folder);
    const record = await readRunRecord(run.dataset, DATASET_RECORD);
    if (record && fingerprintDigest(record.fingerprint) === pictures) return { planned, history };
    const failure = new AppError('CHECKPOINT_INVALID', `the dataset was another one when ${planned.name} was begun than when the sweep was; put it back, remove that folder, and go on`); // prettier-ignore
    return { planned, failure };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { planned, failure: error };
  }
}

/** The runs of each combination of settings, in the order of the plan. */
function groups(runs: readonly EndedRun[]): readonly (readonly EndedRun[])[] {
  const found = new Map<string, EndedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(run.planned.settings);
    found.set(key, [...(found.get(key) ?? []), run]);
  }
  return [...found.values()];
}

function rowOf(runs: readonly EndedRun[], varying: readonly string[], kind: SweepResults['kind']): SweepRow {
  const shown = runs.map(runOf);
  const scores = shown.flatMap(({ score }) => (score === undefined ? [] : [score]));
  const losses = shown.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
  const { settings } = runs[0]!.planned;
  const row = { settings: varying.map((name) => `${settings[name]}`), runs: shown };
  if (scores.length === 0) return row;
  const score = mean(scores);
  // Seeds that are judged by the same pictures do not make more pictures of them.
  const judged = Math.min(...runs.flatMap(({ history }) => history?.summary?.samples ?? []));
  return {
    ...row,
    score,
    ...(losses.length > 0 && { loss: mean(losses) }),
    ...(scores.length > 1 && { deviation: deviation(scores) }),
    ...(kind === 'single' && { interval: wilson(Math.round(score * judged), judged) }),
  };
}

function runOf({ planned: { name, seed }, history, failure }: EndedRun): SweepRun {
  const summary = history?.summary;
  if (!summary) return { name, seed, remark: failure!.message };
  const { top1, meanAveragePrecision, loss, bestEpoch, ended, failed = [] } = summary;
  const score = top1 ?? meanAveragePrecision;
  const remark = [
    ...(ended !== undefined && isDivergence(ended) ? [ended] : []),
    ...(failed.length > 0 ? [`${failed.length} pictures cannot be read`] : []),
  ].join('; ');
  return {
    name,
    seed,
    ...(score !== undefined && { score }),
    ...(loss !== null && { loss }),
    bestEpoch,
    ...(remark !== '' && { remark }),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** The best combination against the second, on the seeds that both have: each picture counts once, for the one that says it rightly more often. */
async function testOf(
  [first, second]: readonly (readonly EndedRun[])[],
  paths: SweepPaths,
): Promise<SweepResults['test']> {
  const seedsOf = (runs: readonly EndedRun[] = []) =>
    new Map(runs.filter(({ history }) => history).map(({ planned: { seed, name } }) => [seed, name]));
  const [one, other] = [seedsOf(first), seedsOf(second)];
  const seeds = [...one.keys()].filter((seed) => other.has(seed));
  const answers = (of: ReadonlyMap<string, string>) =>
    answersOf(...seeds.map((seed) => paths.run(of.get(seed)!).folder));
  const test = pairedTest(await answers(one), await answers(other));
  if (!test) return undefined;
  const { right: _, ...rest } = test;
  return rest;
}
