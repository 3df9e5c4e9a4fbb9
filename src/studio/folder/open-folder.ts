// open-folder.ts: the folder that a studio is to work on: whether it is one, and one studio at a time in it.

import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { splitPartsIn } from '../../api/dataset-parts.ts';
import { AppError, openingProblem } from '../../util/errors.ts';
import { withFileLockOrElse } from '../../util/lock.ts';
import { quoted } from '../../util/quoted.ts';
import { EXPORTS, INCOMING, LEARNT, OWN, RUNS, TRASH } from './places.ts';
import { ownFolder } from './steps.ts';
import { StudioFolder } from './studio-folder.ts';

/**
 * Opens the folder for `action`, as its only studio.
 * @throws AppError DATASET_NOT_FOUND, DATASET_INVALID for a folder that is no such place, USAGE where another studio works on it
 */
export async function withStudioFolder<T>(
  given: string,
  onNote: (text: string) => void,
  action: (folder: StudioFolder) => Promise<T>,
): Promise<T> {
  const root = await rootOf(given);
  const parts = await splitPartsIn(root);
  if (parts.length > 0) {
    throw new AppError('DATASET_INVALID', `${quoted(given)} is divided into ${parts.join(' and ')}, and a studio works on one part: finch studio ${path.join(given, parts[0]!)}`); // prettier-ignore
  }
  for (const own of [OWN, TRASH, INCOMING, RUNS, LEARNT, EXPORTS]) await ownFolder(path.join(root, own));
  const work = async () => {
    const folder = await StudioFolder.open(root, onNote);
    return action(folder).finally(() => folder.close());
  };
  return withFileLockOrElse(
    path.join(root, OWN, 'studio'),
    work,
    (owner) => new AppError('USAGE', `another studio (${owner}) works on ${quoted(given)}; use its page, or stop it first`), // prettier-ignore
  );
}

async function rootOf(given: string): Promise<string> {
  try {
    const root = await realpath(given);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    const problem = openingProblem(error, 'no such folder; make it first');
    throw new AppError('DATASET_NOT_FOUND', `${quoted(given)}: ${problem}`, { cause: error });
  }
  throw new AppError('DATASET_INVALID', `${quoted(given)} is no folder; name one with pictures in it`);
}
