// sort-into.ts: what is checked before pictures are put into folders of classes, and the taking back.

import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SortOptions } from '../sorting/sorter.ts';
import { undoSorting, type Undone } from '../sorting/undo.ts';
import { AppError } from '../util/errors.ts';
import { checkOutputFolder, type Output } from '../util/outputs.ts';
import { quoted } from '../util/quoted.ts';
import type { Work } from './work.ts';

export { withSorter, type Sorter } from '../sorting/sorter.ts';

/** @throws AppError USAGE, WRITE_FAILED */
export function checkSorting({ folder }: SortOptions, inputs: readonly string[]): Promise<void> {
  return checkPicturesInto({ flag: '--sort-into', file: folder }, inputs, 'sorted');
}

/**
 * Checks a folder that pictures are to be written to.
 * @param done what is done with the inputs' pictures, in a word. @throws AppError USAGE, WRITE_FAILED
 */
export async function checkPicturesInto(
  { flag, file: folder }: Output,
  inputs: readonly string[],
  done: string,
): Promise<void> {
  await checkOutputFolder({ flag, file: folder });
  const target = await realPlace(folder);
  for (const input of inputs) {
    const found = await stat(input).catch(() => undefined);
    if (!found?.isDirectory()) continue;
    const real = await realpath(input);
    if (target !== real && !target.startsWith(real + path.sep)) continue;
    throw new AppError(
      'USAGE',
      `${flag} ${quoted(folder)} lies inside ${quoted(input)}, whose pictures are ${done}: what was ${done} would be found again; choose a folder beside it`,
    );
  }
}

/** Where a folder is or will be: links in the part of the path that is there are followed. */
async function realPlace(folder: string): Promise<string> {
  const whole = path.resolve(folder);
  const real = await realpath(whole).catch(() => undefined);
  if (real !== undefined || path.dirname(whole) === whole) return real ?? whole;
  return path.join(await realPlace(path.dirname(whole)), path.basename(whole));
}

/** @throws AppError FILE_INVALID, WRITE_FAILED, USAGE */
export async function undoSorted(file: string, work: Work): Promise<Undone> {
  return undoSorting(file, (done, total) => {
    work.progress({ task: 'sort', done, total, text: `taking back: ${done} of ${total} pictures` });
    return !work.signal.aborted;
  });
}
