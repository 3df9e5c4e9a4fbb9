// steps.ts: the single moves that a change is made of: a folder is made, a file or folder gets another place. Nothing is replaced,
// nothing outside the studio's folder is touched, and a step that a killed process has begun is finished by doing it again.

import { lstat, mkdir, realpath, rename, rmdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { isSame, isTaken, placeFile } from '../../sorting/place.ts';
import { AppError, systemCode } from '../../util/errors.ts';
import { makeFolder, writeFailed } from '../../util/files.ts';
import { quoted } from '../../util/quoted.ts';

/** Another system's separators and drives. */
const FOREIGN = process.platform === 'win32' ? /[\\\0]|^[a-z]:/i : /\0/;

/** A path below the studio's folder. The journal may come with a folder from a stranger. */
const PLACE = z
  .string()
  .max(4096)
  .refine((text) => !FOREIGN.test(text) && !text.split('/').some((part) => ['', '.', '..'].includes(part)), {
    error: 'expected a path inside the folder',
  });

export const STEP = z.union([
  z.object({ from: PLACE, to: PLACE }),
  z.object({ make: PLACE }),
  z.object({ unmake: PLACE }),
]);

/** A file or folder gets another place; a folder is made, or an empty one taken away. */
export type Step = z.infer<typeof STEP>;
export type MoveStep = Extract<Step, { readonly from: string }>;

/** The step that takes this one back. */
export function inverse(step: Step): Step {
  if ('from' in step) return { from: step.to, to: step.from };
  return 'make' in step ? { unmake: step.make } : { make: step.unmake };
}

export interface StepPlace {
  /** The studio's folder, without links. */
  readonly root: string;
  /** A process that was killed may have done a part of it: what lies in both places is one picture. */
  readonly isAgain: boolean;
  /** Folders that were seen to be inside, by whoever does several steps. */
  readonly seen: Set<string>;
}

/** @throws AppError WRITE_FAILED where it cannot be done */
export async function doStep(step: Step, place: StepPlace): Promise<void> {
  if ('from' in step) return moved(step, place);
  const folder = path.join(place.root, 'make' in step ? step.make : step.unmake);
  await checkInside(path.dirname(folder), place);
  if ('make' in step) return makeFolder(folder);
  await rmdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return;
    throw isFull(error) ? refused(step, 'the folder is not empty, and stays') : writeFailed(folder, error);
  });
}

/** What a step is about. */
export const subjectOf = (step: Step) =>
  'from' in step ? step.from : 'make' in step ? step.make : step.unmake;

const refused = (step: Step, problem: string) =>
  new AppError('WRITE_FAILED', `${quoted(subjectOf(step))}: ${problem}`);

const isFull = (error: unknown) => ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '');

async function moved(step: MoveStep, place: StepPlace): Promise<void> {
  const { from, to } = step;
  const { root, isAgain } = place;
  const [source, target] = [path.join(root, from), path.join(root, to)];
  const found = await lstat(source).catch(() => undefined);
  if (!found) {
    if (isAgain && (await isTaken(target))) return;
    throw refused(step, 'it is not there any more');
  }
  if (found.isSymbolicLink()) throw refused(step, 'links are not moved');
  await checkInside(path.dirname(source), place);
  await checkInside(path.dirname(target), place);
  try {
    if (found.isDirectory()) await renamedFolder(source, target);
    else if (isAgain && (await isTaken(target)) && (await isSame(source, target))) await unlink(source);
    else await placeFile(source, target, 'move');
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw refused(step, `something is called ${quoted(to)} already`);
    throw writeFailed(quoted(to), error);
  }
}

/** On systems that do not tell A from a, a folder stands in the way of its own other spelling. */
async function renamedFolder(source: string, target: string): Promise<void> {
  const there = await lstat(target, { bigint: true }).catch(() => undefined);
  const own = await lstat(source, { bigint: true });
  if (there && there.ino !== own.ino) throw Object.assign(new Error(target), { code: 'EEXIST' });
  await rename(source, target);
}

/** Links may lead elsewhere. A folder that is missing is made. @throws AppError WRITE_FAILED */
export async function checkInside(
  folder: string,
  { root, seen }: Pick<StepPlace, 'root' | 'seen'>,
): Promise<void> {
  if (seen.has(folder)) return;
  let nearest = folder;
  while (!(await isTaken(nearest))) nearest = path.dirname(nearest);
  const real = await realpath(nearest).catch((error: unknown) => {
    throw writeFailed(quoted(folder), error);
  });
  if (real !== root && !real.startsWith(root + path.sep)) {
    throw new AppError('WRITE_FAILED', `${quoted(folder)} leads out of the folder, and nothing outside it is touched`); // prettier-ignore
  }
  await makeFolder(folder);
  seen.add(folder);
}

/** Makes one of the studio's own folders, which must not be a link. @throws AppError WRITE_FAILED */
export async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw writeFailed(folder, error);
  });
  if ((await lstat(folder)).isDirectory()) return;
  throw new AppError('WRITE_FAILED', `${folder} is a link or a file, expected a folder of the studio's own; move it away`); // prettier-ignore
}
