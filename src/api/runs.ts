// runs.ts: the runs there are, two of them compared, and runs put away.

import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ComparedRuns, DifferentSetting, ListedRun } from '../report/runs.ts';
import type { SettingValue } from '../report/setting-names.ts';
import { readRun, readRuns, type RunHistory } from '../run/history.ts';
import { aloneInRunFolder } from '../run/run-folder.ts';
import { AppError } from '../util/errors.ts';
import { isThere, makeFolder, writeFailed } from '../util/files.ts';
import { quoted } from '../util/quoted.ts';
import { shellWord } from '../util/shell-word.ts';
import { answersOf, pairedTest } from './paired.ts';
import type { Work } from './work.ts';

/** @throws AppError DATASET_NOT_FOUND where there is no such folder */
export async function listRuns(root: string, work: Work): Promise<readonly ListedRun[]> {
  const found = await stat(root).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new AppError('DATASET_NOT_FOUND', `${quoted(root)}: no such folder; runs are made there by finetune, or name another: finch runs list DIR`); // prettier-ignore
  }
  return (await readRuns(root, (problem) => work.note(problem))).map(listed);
}

function listed({ name, folder, began, dataset, model, summary }: RunHistory): ListedRun {
  const score = summary?.top1 ?? summary?.meanAveragePrecision;
  return {
    name,
    folder,
    began: new Date(began).toISOString(),
    dataset,
    model,
    ...(summary
      ? {
          state: 'finished',
          ...(summary.top1 !== undefined && { top1: summary.top1 }),
          ...(summary.meanAveragePrecision !== undefined && { meanAveragePrecision: summary.meanAveragePrecision }),
          ...(score !== undefined && { score }),
          ...(summary.loss !== null && { loss: summary.loss }),
          bestEpoch: summary.bestEpoch,
          seconds: summary.seconds,
        }
      : { state: 'unfinished' }),
  }; // prettier-ignore
}

/**
 * @throws AppError USAGE where one of them is no finished run, or they were judged by different pictures
 */
export async function compareRuns(first: string, second: string): Promise<ComparedRuns> {
  const [a, b] = [await readRun(first), await readRun(second)];
  for (const { folder, summary, learntFrom } of [a, b]) {
    if (!summary) throw new AppError('USAGE', `${quoted(folder)} is not finished; go on with it: ${learntFrom ? 'finch shards learn' : 'finetune'} --resume ${shellWord(folder)}`); // prettier-ignore
  }
  const isMulti = a.summary!.meanAveragePrecision !== undefined;
  if (isMulti !== (b.summary!.meanAveragePrecision !== undefined)) throw differentTasks(a, b);
  // Runs of one name in two folders would be told apart nowhere.
  const names = a.name === b.name ? [a.folder, b.folder] : [a.name, b.name];
  return {
    runs: [a, b].map((run, i) => ({ ...listed(run), name: names[i], metrics: run.metrics, classes: run.summary!.classes, samples: run.summary!.samples, device: run.summary!.device })) as unknown as ComparedRuns['runs'],
    settings: differences(a, b),
    ...(!isMulti && { test: await testOf(a, b) }),
  }; // prettier-ignore
}

const differentTasks = (a: RunHistory, b: RunHistory) =>
  new AppError('USAGE', `${quoted(a.folder)} learnt ${quoted(a.dataset)}, and ${quoted(b.folder)} learnt ${quoted(b.dataset)}: they were judged by different pictures, so that their scores say nothing of which is better`); // prettier-ignore

/** @throws AppError USAGE where they share no picture */
async function testOf(a: RunHistory, b: RunHistory): Promise<ComparedRuns['test']> {
  const [answersA, answersB] = [await answersOf(a.folder), await answersOf(b.folder)];
  // A run of an earlier finch kept no answers.
  if (answersA.size === 0 || answersB.size === 0) {
    if (a.dataset !== b.dataset) throw differentTasks(a, b);
    return undefined;
  }
  const test = pairedTest(answersA, answersB);
  if (!test) throw differentTasks(a, b);
  return test;
}

/** Settings that are not the same in both, by their path: `head.c`. */
function differences(a: RunHistory, b: RunHistory): readonly DifferentSetting[] {
  const flat = ({ dataset, model, settings }: RunHistory) => flattened({ dataset, model, ...settings });
  const [one, other] = [flat(a), flat(b)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((name) => one.get(name) !== other.get(name))
    .map((name) => ({ name, values: [one.get(name) ?? '', other.get(name) ?? ''] }));
}

/** Settings nest a level or two. */
const MAX_DEPTH = 6;

function flattened(settings: Readonly<Record<string, unknown>>): ReadonlyMap<string, SettingValue> {
  const flat = new Map<string, SettingValue>();
  const visit = (value: unknown, name: string, depth: number): void => {
    const isNested =
      typeof value === 'object' && value !== null && !Array.isArray(value) && depth < MAX_DEPTH;
    if (!isNested) flat.set(name, typeof value === 'string' || typeof value === 'boolean' ? value : JSON.stringify(value));
    else for (const [key, inner] of Object.entries(value)) visit(inner, name === '' ? key : `${name}.${key}`, depth + 1); // prettier-ignore
  };
  visit(settings, '', 0);
  return flat;
}

/** Where runs that were deleted lie, beside the others. */
const TRASH = '.trash';

/** Moves a run into the trash beside it. Returns where it lies now. @throws AppError USAGE, WRITE_FAILED */
export async function putAway(folder: string): Promise<string> {
  const { name } = await readRun(folder);
  const trash = path.join(path.dirname(path.resolve(folder)), TRASH);
  await makeFolder(trash);
  const place = await freePlace(path.join(trash, name));
  // A run that somebody works in stays.
  await aloneInRunFolder(folder, async () => {});
  await rename(folder, place).catch((error: unknown) => {
    throw writeFailed(place, error);
  });
  return path.relative('.', place) || place;
}

async function freePlace(wanted: string): Promise<string> {
  for (let n = 1; ; n++) {
    const place = n === 1 ? wanted : `${wanted}-${n}`;
    if (!(await isThere(place))) return place;
  }
}
