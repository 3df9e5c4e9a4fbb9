// undo.ts: takes back what sorted.csv lists: pictures that were moved go back, copies and links are removed. Nothing else is touched: a picture
// that was changed since stays, and nothing is replaced.

import { lstat, mkdir, rmdir, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import { sweepAsides } from '../util/aside.ts';
import { AppError, messageOf } from '../util/errors.ts';
import { writeFailed, writeFileAtomic } from '../util/files.ts';
import { withFileLockOrElse } from '../util/lock.ts';
import { quoted } from '../util/quoted.ts';
import { journalText, readJournal, type SortedRow } from './journal.ts';
import { isSame, isTaken, placeFile } from './place.ts';

export interface Undone {
  /** Pictures that are as they were. */
  readonly done: number;
  /** One line for each that could not be taken back; their rows stay in the list. */
  readonly problems: readonly string[];
}

/**
 * @param file the list
 * @param onPicture told after each row; @returns whether to go on
 * @throws AppError FILE_INVALID, WRITE_FAILED, USAGE
 */
export async function undoSorting(
  file: string,
  onPicture: (done: number, total: number) => boolean,
): Promise<Undone> {
  const journal = path.resolve(file);
  const folder = path.dirname(journal);
  const undo = async () => {
    const rows = await readJournal(journal);
    if (rows.length === 0) throw new AppError('FILE_INVALID', `${quoted(file)} lists no picture: nothing to take back`); // prettier-ignore
    const outside = rows.find(({ to }) => !to.startsWith(folder + path.sep));
    if (outside) {
      throw new AppError(
        'FILE_INVALID',
        `${quoted(file)}: ${quoted(outside.to)} is not in the folder of this list; put the list back where it was written`,
      );
    }
    return undoRows(journal, rows, onPicture);
  };
  const undone = await withFileLockOrElse(
    journal,
    undo,
    (owner) => new AppError('USAGE', `another finch (${owner}) sorts into ${folder}; wait for it`),
  );
  if (undone.problems.length === 0) await rmdir(folder).catch(() => {});
  return undone;
}

async function undoRows(
  journal: string,
  rows: readonly SortedRow[],
  onPicture: (done: number, total: number) => boolean,
): Promise<Undone> {
  const kept: SortedRow[] = [];
  const problems: string[] = [];
  let done = 0;
  // The last first: of two pictures of one name, the first has the name itself.
  for (const [i, row] of rows.toReversed().entries()) {
    const problem = await undoRow(row).catch((error: unknown) => messageOf(writeFailed(row.from, error)));
    if (problem === undefined) done += 1;
    else {
      kept.unshift(row);
      problems.push(`${row.to}: ${problem}`);
    }
    if (onPicture(i + 1, rows.length)) continue;
    // What was taken back is taken back again without harm.
    return { done, problems };
  }
  for (const folder of new Set(rows.map(({ to }) => path.dirname(to)))) {
    if (folder === path.dirname(journal)) continue;
    // What a kill left of a copy goes, too.
    await sweepAsides(folder);
    await rmdir(folder).catch(() => {});
  }
  if (kept.length === 0) await rm(journal, { force: true });
  else await writeFileAtomic(journal, journalText(kept));
  return { done, problems };
}

/** @returns what prevents it, or undefined when the picture is as it was */
async function undoRow({ from, to }: SortedRow): Promise<string | undefined> {
  const [before, after] = [await present(from), await present(to)];
  if (!after) return before ? undefined : 'it is neither there nor where it was';
  if (!before) {
    if (after.isSymbolicLink()) return 'the picture that this link leads to is gone';
    await mkdir(path.dirname(from), { recursive: true });
    await placeFile(to, from, 'move');
    return undefined;
  }
  if (!(await isSame(from, to))) {
    return 'it was changed since, or another picture has its former name';
  }
  await unlink(to);
  return undefined;
}

const present = async (file: string) => ((await isTaken(file)) ? lstat(file) : undefined);
